# Frame stores -> a network that computes optic flow. It learns without labels.


rule train_flow:
    input:
        train=part_files("flow.train", "results/ingest/{video}/video.json"),
        validate=part_files("flow.validate", "results/ingest/{video}/video.json"),
        frames=stored_frames("flow.train"),
        weights=weights_input("flow"),
    output:
        weights="results/flow/{run}/weights.safetensors",
        history="results/flow/{run}/history.csv",
    log:
        "logs/flow/{run}.log",
    benchmark:
        "benchmarks/jobs/flow/{run}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("train_flow"),
        runtime=time_of("train_flow"),
    params:
        code=code_of("train_flow"),
        settings=settings_of("flow", "flow"),
        augmentation=settings_of("flow", "augmentation"),
        seed=settings_of("flow", "seed"),
        videos=trained_on("flow.train", "flow.validate"),
        checkpoint=checkpoint_of("flow", "train_flow"),
    message:
        "Training the flow network"
    script:
        "../scripts/train_flow.py"
