# Frames and labels -> the spatial and the motion stream, each on its own; then, if the config says so, both together.
# Or nothing is trained: pretrained weights -> a frozen backbone.


rule fetch_weights:
    output:
        "results/streams/{run}/pretrained.safetensors",
    log:
        "logs/streams/{run}/pretrained.log",
    benchmark:
        "benchmarks/jobs/streams/{run}/pretrained.tsv"
    localrule: True  # computers of a cluster that compute often reach no network
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("fetch_weights"),
        runtime=time_of("fetch_weights"),
    params:
        code=code_of("fetch_weights"),
        settings=setting("streams", "network", "weights"),
    message:
        "Fetching the pretrained weights"
    script:
        "../scripts/fetch_weights.py"


rule train_stream:
    input:
        train=part_files("learning", "results/ingest/{video}/video.json"),
        train_labels=part_files("learning", "results/labels/{video}.csv"),
        frames=stored_frames("learning"),
        flow=branch(
            lambda wildcards: wildcards.stream == "motion",
            then=at_home("flow", "results/flow/{run}/weights.safetensors"),
            otherwise=[],
        ),
        weights=stream_weights,
    output:
        weights="results/streams/{run}/{stream}/weights.safetensors",
        history="results/streams/{run}/{stream}/history.csv",
    log:
        "logs/streams/{run}/{stream}.log",
    benchmark:
        "benchmarks/jobs/streams/{run}/{stream}.tsv"
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
        augmentation=settings_of(stream_of, "augmentation"),
        seed=settings_of(stream_of, "seed"),
        videos=trained_on("learning"),
        checkpoint=checkpoint_of(stream_of, "train_stream"),
    message:
        "Training the {wildcards.stream} stream"
    script:
        "../scripts/train_stream.py"


rule train_joint:
    input:
        train=part_files("learning", "results/ingest/{video}/video.json"),
        train_labels=part_files("learning", "results/labels/{video}.csv"),
        frames=stored_frames("learning"),
        flow=at_home("flow", "results/flow/{run}/weights.safetensors"),
        spatial=at_home("spatial", "results/streams/{run}/spatial/weights.safetensors"),
        motion=at_home("motion", "results/streams/{run}/motion/weights.safetensors"),
    output:
        flow="results/streams/{run}/joint/flow.safetensors",
        spatial="results/streams/{run}/joint/spatial.safetensors",
        motion="results/streams/{run}/joint/motion.safetensors",
        history="results/streams/{run}/joint/history.csv",
    log:
        "logs/streams/{run}/joint.log",
    benchmark:
        "benchmarks/jobs/streams/{run}/joint.tsv"
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
        settings=settings_of("joint", "streams"),
        augmentation=settings_of("joint", "augmentation"),
        seed=settings_of("joint", "seed"),
        videos=trained_on("learning"),
        checkpoint=checkpoint_of("joint", "train_joint"),
    message:
        "Training flow and both streams together"
    script:
        "../scripts/train_joint.py"


rule freeze_backbone:
    input:
        weights=weights_input("streams"),
    output:
        weights="results/streams/{run}/frozen/weights.safetensors",
    log:
        "logs/streams/{run}/frozen.log",
    benchmark:
        "benchmarks/jobs/streams/{run}/frozen.tsv"
    localrule: True
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("freeze_backbone"),
        runtime=time_of("freeze_backbone"),
    params:
        code=code_of("freeze_backbone"),
        settings=settings_of("frozen", "streams"),
    message:
        "Taking the pretrained backbone"
    script:
        "../scripts/freeze_backbone.py"
