# Probabilities -> thresholds, fitted on the validation videos; then decisions, bouts, figures and statistics, from split
# `main`.


if not BUNDLE:

    rule fit_thresholds:
        input:
            probabilities=part_files("validate", "results/sequence/{split}/probabilities/{video}.npy"),
            labels=part_files("validate", "results/labels/{video}.csv"),
            videos=part_files("validate", "results/ingest/{video}/video.json"),
        output:
            "results/sequence/{split}/thresholds.json",
        log:
            "logs/sequence/{split}/thresholds.log",
        benchmark:
            "benchmarks/jobs/sequence/{split}/thresholds.tsv"
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=memory_of("fit_thresholds"),
            runtime=time_of("fit_thresholds"),
        params:
            code=code_of("fit_thresholds"),
            behaviors=BEHAVIORS,
            exclusive=EXCLUSIVE,
        message:
            "Fitting thresholds and shortest bouts on the validation videos"
        script:
            "../scripts/fit_thresholds.py"


rule decide_behaviors:
    input:
        probabilities="results/sequence/main/probabilities/{video}.npy",
        thresholds=THRESHOLDS,
        video="results/ingest/{video}/video.json",
    output:
        predictions="results/predictions/main/{video}.csv",
        bouts="results/bouts/{video}.csv",
    log:
        "logs/predictions/main/{video}.log",
    benchmark:
        "benchmarks/jobs/predictions/main/{video}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("decide_behaviors"),
        runtime=time_of("decide_behaviors"),
    params:
        code=code_of("decide_behaviors"),
        subject=lambda wildcards: video_of(wildcards).subject,
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        settings=without("ethogram", "colors"),
    message:
        "Deciding which behaviors are on in {wildcards.video}"
    script:
        "../scripts/decide_behaviors.py"


rule draw_ethogram:
    input:
        predictions="results/predictions/main/{video}.csv",
        thresholds=THRESHOLDS,
        video="results/ingest/{video}/video.json",
        labels=lambda wildcards: ["results/labels/{video}.csv"] if video_of(wildcards).labels else [],
    output:
        png="results/ethograms/{video}.png",
        svg=report(
            "results/ethograms/{video}.svg",
            caption="../report/ethogram.rst",
            category="Ethograms",
            labels={"video": "{video}"},
        ),
    log:
        "logs/ethograms/{video}.log",
    benchmark:
        "benchmarks/jobs/ethograms/{video}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("draw_ethogram"),
        runtime=time_of("draw_ethogram"),
    params:
        code=code_of("draw_ethogram"),
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        settings=without("ethogram", "minimum_bout_s", "minimum_gap_s"),
    message:
        "Drawing the ethogram of {wildcards.video}"
    script:
        "../scripts/draw_ethogram.py"


rule summarize_bouts:
    input:
        bouts=expand("results/bouts/{video}.csv", video=VIDEOS),
        videos=expand("results/ingest/{video}/video.json", video=VIDEOS),
    output:
        report(
            "results/summary.csv",
            caption="../report/summary.rst",
            category="Bout statistics",
            labels={"table": "summary"},
        ),
    log:
        "logs/summary.log",
    benchmark:
        "benchmarks/jobs/summary.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("summarize_bouts"),
        runtime=time_of("summarize_bouts"),
    params:
        code=code_of("summarize_bouts"),
        behaviors=BEHAVIORS,
        table=SUBJECTS,
    message:
        "Summing up the bouts of all videos"
    script:
        "../scripts/summarize_bouts.py"


rule count_transitions:
    input:
        expand("results/bouts/{video}.csv", video=VIDEOS),
    output:
        table="results/transitions.csv",
        png="results/transitions.png",
        svg=report(
            "results/transitions.svg",
            caption="../report/transitions.rst",
            category="Bout statistics",
            labels={"table": "transitions"},
        ),
    log:
        "logs/transitions.log",
    benchmark:
        "benchmarks/jobs/transitions.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("count_transitions"),
        runtime=time_of("count_transitions"),
    params:
        code=code_of("count_transitions"),
        behaviors=BEHAVIORS,
        table=SUBJECTS,
    message:
        "Counting which behavior follows which"
    script:
        "../scripts/count_transitions.py"
