# Frames and labels -> the spatial and the motion stream, each on its own; then, if the config says so, both together.


rule train_stream:
    input:
        train=part_files("train", "results/ingest/{video}/video.json"),
        train_labels=part_files("train", "results/labels/{video}.csv"),
        validate=part_files("validate", "results/ingest/{video}/video.json"),
        validate_labels=part_files("validate", "results/labels/{video}.csv"),
        frames=stored_frames("train"),
        flow=branch(
            lambda wildcards: wildcards.stream == "motion",
            then="results/flow/{split}/weights.safetensors",
            otherwise=[],
        ),
        weights=weights_input("streams"),
    output:
        weights="results/streams/{split}/{stream}/weights.safetensors",
        history="results/streams/{split}/{stream}/history.csv",
    log:
        "logs/streams/{split}/{stream}.log",
    benchmark:
        "benchmarks/jobs/streams/{split}/{stream}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("train_stream"),
        runtime=time_of("train_stream"),
    params:
        code=code_of("train_stream"),
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        settings=stream_settings,
        augmentation=SETTINGS["augmentation"],
        seed=SEED,
        videos=trained_on(part_of),
        checkpoint=lambda wildcards: checkpoint_path(
            f"stream-{wildcards.stream}",
            wildcards.split,
            "train_stream",
            BEHAVIORS,
            EXCLUSIVE,
            stream_settings(wildcards),
            SETTINGS["augmentation"],
        ),
    message:
        "Training the {wildcards.stream} stream"
    script:
        "../scripts/train_stream.py"


rule train_joint:
    input:
        train=part_files("train", "results/ingest/{video}/video.json"),
        train_labels=part_files("train", "results/labels/{video}.csv"),
        validate=part_files("validate", "results/ingest/{video}/video.json"),
        validate_labels=part_files("validate", "results/labels/{video}.csv"),
        frames=stored_frames("train"),
        flow="results/flow/{split}/weights.safetensors",
        spatial="results/streams/{split}/spatial/weights.safetensors",
        motion="results/streams/{split}/motion/weights.safetensors",
    output:
        flow="results/streams/{split}/joint/flow.safetensors",
        spatial="results/streams/{split}/joint/spatial.safetensors",
        motion="results/streams/{split}/joint/motion.safetensors",
        history="results/streams/{split}/joint/history.csv",
    log:
        "logs/streams/{split}/joint.log",
    benchmark:
        "benchmarks/jobs/streams/{split}/joint.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("train_joint"),
        runtime=time_of("train_joint"),
    params:
        code=code_of("train_joint"),
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        settings=JOINT_SETTINGS,
        augmentation=SETTINGS["augmentation"],
        seed=SEED,
        videos=trained_on(part_of),
        checkpoint=lambda wildcards: checkpoint_path(
            "joint", wildcards.split, "train_joint", BEHAVIORS, EXCLUSIVE, JOINT_SETTINGS, SETTINGS["augmentation"]
        ),
    message:
        "Training flow and both streams together"
    script:
        "../scripts/train_joint.py"
