# Frame stores and trained streams -> two 512-vectors, logits and probabilities per frame, in one pass over each video.
# If the streams adapt to recordings, the statistics of each recording are collected before that.


rule adapt_streams:
    input:
        unpack(lambda wildcards: dict(trained_models(wildcards.run))),
        videos=DATA.recording_files("results/ingest/{video}/video.json"),
        frames=lambda wildcards: ancient(DATA.recording_files("results/ingest/{video}/frames.mjpeg")(wildcards)),
        index=lambda wildcards: ancient(DATA.recording_files("results/ingest/{video}/frames.npy")(wildcards)),
    output:
        "results/features/{run}/adapted/{recording}.safetensors",
    log:
        "logs/features/{run}/adapted/{recording}.log",
    benchmark:
        "benchmarks/jobs/features/{run}/adapted/{recording}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("adapt_streams"),
        runtime=time_of("adapt_streams"),
    params:
        code=code_of("adapt_streams"),
        recording=DATA.recording_of,
        reuse=setting("flow", "reuse"),
        precision=setting("streams", "precision"),
    message:
        "Adapting the streams to the recording {params.recording}"
    script:
        "../scripts/adapt_streams.py"


rule extract_features:
    input:
        unpack(lambda wildcards: dict(trained_models(wildcards.run)) | DATA.adapted_statistics(wildcards)),
        video="results/ingest/{video}/video.json",
        frames=ancient("results/ingest/{video}/frames.mjpeg"),
        index=ancient("results/ingest/{video}/frames.npy"),
    output:
        store=directory("results/features/{run}/{video}.zarr"),
        manifest="results/features/{run}/{video}.json",
    log:
        "logs/features/{run}/{video}.log",
    benchmark:
        "benchmarks/jobs/features/{run}/{video}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("extract_features"),
        runtime=time_of("extract_features"),
    params:
        code=code_of("extract_features"),
        reuse=setting("flow", "reuse"),
        fusion=setting("streams", "fusion"),
        precision=setting("streams", "precision"),
        checkpoint=checkpoint_of("features", "extract_features"),
    message:
        "Extracting the features of {wildcards.video}"
    script:
        "../scripts/extract_features.py"


rule score_streams:
    input:
        features=lambda wildcards: [
            f"results/features/{home('features', wildcards.run)}/{video}.json"
            for video, _ in DATA.scored(wildcards.run)
        ],
        labels=lambda wildcards: [f"results/labels/{video}.csv" for video, _ in DATA.scored(wildcards.run)],
        stores=lambda wildcards: ancient(
            [
                f"results/features/{home('features', wildcards.run)}/{video}.zarr"
                for video, _ in DATA.scored(wildcards.run)
            ]
        ),
    output:
        "results/features/{run}/streams/scores.json",
    log:
        "logs/features/{run}/streams/scores.log",
    benchmark:
        "benchmarks/jobs/features/{run}/streams/scores.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("score_streams"),
        runtime=time_of("score_streams"),
    params:
        code=code_of("score_streams"),
        videos=DATA.scored_as,
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        shifts=setting("evaluation", "chance_shifts"),
        seed=settings_of("stream_scores", "seed"),
    message:
        "Comparing each stream with the labels"
    script:
        "../scripts/score_streams.py"
