# Frame stores and trained streams -> two 512-vectors, logits and probabilities a frame, in one pass over each video.


rule extract_features:
    input:
        unpack(lambda wildcards: dict(trained_models(wildcards.split))),
        video="results/ingest/{video}/video.json",
        frames=ancient("results/ingest/{video}/frames.mjpeg"),
        index=ancient("results/ingest/{video}/frames.npy"),
    output:
        store=directory("results/features/{split}/{video}.zarr"),
        manifest="results/features/{split}/{video}.json",
    log:
        "logs/features/{split}/{video}.log",
    benchmark:
        "benchmarks/jobs/features/{split}/{video}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("extract_features"),
        runtime=time_of("extract_features"),
    params:
        code=code_of("extract_features"),
        reuse=SETTINGS["flow"]["reuse"],
        fusion=SETTINGS["streams"]["fusion"],
        precision=SETTINGS["streams"]["precision"],
        checkpoint=lambda wildcards: checkpoint_path(
            "features",
            f"{wildcards.split}+{wildcards.video}",
            "extract_features",
            SETTINGS["flow"]["reuse"],
            SETTINGS["streams"]["fusion"],
            SETTINGS["streams"]["precision"],
        ),
    message:
        "Extracting the features of {wildcards.video}"
    script:
        "../scripts/extract_features.py"
