# Frame stores -> a network that computes optic flow. It learns without labels.


rule train_flow:
    input:
        train=part_files("train", "results/ingest/{video}/video.json", flow_part),
        validate=part_files("validate", "results/ingest/{video}/video.json", flow_part),
        frames=stored_frames("train", flow_part),
        weights=weights_input("flow"),
    output:
        weights="results/flow/{split}/weights.safetensors",
        history="results/flow/{split}/history.csv",
    log:
        "logs/flow/{split}.log",
    benchmark:
        "benchmarks/jobs/flow/{split}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory_of("train_flow"),
        runtime=time_of("train_flow"),
    params:
        code=code_of("train_flow"),
        settings=without("flow", "videos", "reuse"),
        augmentation=SETTINGS["augmentation"],
        seed=SEED,
        videos=trained_on(flow_part),
        checkpoint=lambda wildcards: checkpoint_path(
            "flow", wildcards.split, "train_flow", without("flow", "videos", "reuse"), SETTINGS["augmentation"]
        ),
    message:
        "Training the flow network"
    script:
        "../scripts/train_flow.py"
