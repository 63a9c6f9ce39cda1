# Features over time -> the final probabilities.


if not BUNDLE:

    rule train_sequence:
        input:
            train=part_files("train", "results/features/{split}/{video}.json"),
            train_labels=part_files("train", "results/labels/{video}.csv"),
            validate=part_files("validate", "results/features/{split}/{video}.json"),
            validate_labels=part_files("validate", "results/labels/{video}.csv"),
            stores=lambda wildcards: ancient(
                expand(
                    "results/features/{split}/{video}.zarr",
                    split=wildcards.split,
                    video=part_of(wildcards.split, "train") + part_of(wildcards.split, "validate"),
                )
            ),
        output:
            weights="results/sequence/{split}/weights.safetensors",
            history="results/sequence/{split}/history.csv",
        log:
            "logs/sequence/{split}/train.log",
        benchmark:
            "benchmarks/jobs/sequence/{split}/train.tsv"
        conda:
            "../../envs/learning.yaml"
        threads: 4
        resources:
            gpu=1,
            mem_mb=memory_of("train_sequence"),
            runtime=time_of("train_sequence"),
        params:
            code=code_of("train_sequence"),
            behaviors=BEHAVIORS,
            exclusive=EXCLUSIVE,
            streams=STREAMS,
            settings=SETTINGS["sequence"],
            seed=SEED,
            videos=trained_on(part_of),
            checkpoint=lambda wildcards: checkpoint_path(
                "sequence", wildcards.split, "train_sequence", BEHAVIORS, EXCLUSIVE, STREAMS, SETTINGS["sequence"]
            ),
        message:
            "Training the sequence model"
        script:
            "../scripts/train_sequence.py"


rule predict_video:
    input:
        features="results/features/{split}/{video}.json",
        store=ancient("results/features/{split}/{video}.zarr"),
        weights=SEQUENCE_MODEL,
    output:
        "results/sequence/{split}/probabilities/{video}.npy",
    log:
        "logs/sequence/{split}/probabilities/{video}.log",
    benchmark:
        "benchmarks/jobs/sequence/{split}/probabilities/{video}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("predict_video"),
        runtime=time_of("predict_video"),
    params:
        code=code_of("predict_video"),
    message:
        "Predicting the behaviors in {wildcards.video}"
    script:
        "../scripts/predict_video.py"
