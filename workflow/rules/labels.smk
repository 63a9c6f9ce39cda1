# Label files of any known format -> our own format, checked against the video.


rule check_labels:
    input:
        labels=DATA.source_input("labels"),
        manifest="results/ingest/{video}/video.json",
        models=lambda wildcards: (
            ["results/models/bundle.json"] if BUNDLE and PART_OF.get(wildcards.video) in ("test", "check") else []
        ),
    output:
        labels="results/labels/{video}.csv",
        report="results/labels/{video}.json",
    log:
        "logs/labels/{video}.log",
    benchmark:
        "benchmarks/jobs/labels/{video}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("check_labels"),
        runtime=time_of("check_labels"),
    params:
        code=code_of("check_labels"),
        source=DATA.source("labels"),
        behaviors=BEHAVIORS,
        scored=lambda wildcards: video_of(wildcards).scored,
        exclusive=EXCLUSIVE,
        settings=SETTINGS["labels"],
        subject=lambda wildcards: video_of(wildcards).subject,
    message:
        "Checking the labels of {wildcards.video}"
    script:
        "../scripts/check_labels.py"
