# Features over time -> the final probabilities.


if not BUNDLE:

    rule train_sequence:
        input:
            features=part_files("learning", "results/features/{run}/{video}.json", "features"),
            labels=part_files("learning", "results/labels/{video}.csv"),
            stores=lambda wildcards: ancient(
                expand(
                    "results/features/{run}/{video}.zarr",
                    run=home("features", wildcards.run),
                    video=part_of(wildcards.run, "learning"),
                )
            ),
        output:
            weights="results/sequence/{run}/weights.safetensors",
            history="results/sequence/{run}/history.csv",
            out_of_fold="results/sequence/{run}/out_of_fold.npz",
        log:
            "logs/sequence/{run}/train.log",
        benchmark:
            "benchmarks/jobs/sequence/{run}/train.tsv"
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
            streams=setting("streams", "enabled"),
            settings=settings_of("sequence", "sequence"),
            seed=settings_of("sequence", "seed"),
            folds=DATA.folds,
            checkpoint=checkpoint_of("sequence", "train_sequence"),
        message:
            "Training the sequence model"
        script:
            "../scripts/train_sequence.py"


rule predict_video:
    input:
        features=at_home("features", "results/features/{run}/{video}.json"),
        store=lambda wildcards: ancient(at_home("features", "results/features/{run}/{video}.zarr")(wildcards)),
        weights="results/models/sequence.safetensors" if BUNDLE else "results/sequence/{run}/weights.safetensors",
    output:
        "results/sequence/{run}/probabilities/{video}.npy",
    log:
        "logs/sequence/{run}/probabilities/{video}.log",
    benchmark:
        "benchmarks/jobs/sequence/{run}/probabilities/{video}.tsv"
    wildcard_constraints:
        video=SINGLE_LATE,
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
