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


rule compare_raters:
    input:
        labels=expand("results/labels/{video}.csv", video=DATA.second_rated),
        videos=expand("results/ingest/{video}/video.json", video=DATA.second_rated),
        second=DATA.second_input,
    output:
        expand("results/labels/raters/{file}", file=evaluation_files.RATERS),
    log:
        "logs/raters.log",
    benchmark:
        "benchmarks/jobs/raters.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("compare_raters"),
        runtime=time_of("compare_raters"),
    params:
        code=code_of("compare_raters"),
        second=DATA.second_sources,
        videos=DATA.second_rated,
        behaviors=BEHAVIORS,
        scored=[VIDEOS[name].scored for name in DATA.second_rated],
        exclusive=EXCLUSIVE,
        tolerance_s=SETTINGS["labels"]["rater_tolerance_s"],
        rates=rates_of(DATA.second_rated),
        subjects=[VIDEOS[name].subject for name in DATA.second_rated],
        settings=SETTINGS["labels"],
    message:
        "Comparing the labels of two raters"
    script:
        "../scripts/compare_raters.py"
