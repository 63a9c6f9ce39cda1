# Label files of any known form -> our own form, checked against the video; and who trains, validates and tests.


rule check_labels:
    input:
        labels=lambda wildcards: video_of(wildcards).labels,
        manifest="results/ingest/{video}/video.json",
    output:
        "results/labels/{video}.csv",
    log:
        "logs/labels/{video}.log",
    benchmark:
        "benchmarks/jobs/labels/{video}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("check_labels"),
        behaviors=BEHAVIORS,
        scored=lambda wildcards: video_of(wildcards).scored,
        exclusive=EXCLUSIVE,
    message:
        "Checking the labels of {wildcards.video}"
    script:
        "../scripts/check_labels.py"


# The parts were assigned when the project was read: the jobs need their videos then. This keeps them for next time.
localrules:
    keep_split,


rule keep_split:
    output:
        update("results/splits/{split}.json"),  # the memory of who trained: never removed, only replaced
    log:
        "logs/splits/{split}.log",
    benchmark:
        "benchmarks/jobs/splits/{split}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("keep_split"),
        parts=PROJECT.remembered,
        flow=PROJECT.flow_parts,
        seed=SEED,
    message:
        "Writing down which videos train, validate and test"
    script:
        "../scripts/keep_split.py"
