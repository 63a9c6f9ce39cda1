# Probabilities -> thresholds, fitted on models that did not see a video; then decisions, bouts, figures and statistics.


if not BUNDLE:

    rule fit_thresholds:
        input:
            out_of_fold=at_home("sequence", "results/sequence/{run}/out_of_fold.npz"),
            labels=part_files("learning", "results/labels/{video}.csv"),
            videos=part_files("learning", "results/ingest/{video}/video.json"),
        output:
            "results/ethograms/{run}/thresholds.json",
        log:
            "logs/ethograms/{run}/thresholds.log",
        benchmark:
            "benchmarks/jobs/ethograms/{run}/thresholds.tsv"
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
            videos=lambda wildcards: part_of(wildcards.run, "learning"),
            recordings=DATA.recordings,
            rates=lambda wildcards: rates_of(part_of(wildcards.run, "learning")),
        message:
            "Fitting thresholds and shortest bouts"
        script:
            "../scripts/fit_thresholds.py"


rule decide_behaviors:
    input:
        probabilities=at_home("sequence", "results/sequence/{run}/probabilities/{video}.npy"),
        thresholds=THRESHOLDS,
        video="results/ingest/{video}/video.json",
    output:
        predictions="results/ethograms/{run}/predictions/{video}.csv",
        bouts="results/ethograms/{run}/bouts/{video}.csv",
    log:
        "logs/ethograms/{run}/predictions/{video}.log",
    benchmark:
        "benchmarks/jobs/ethograms/{run}/predictions/{video}.tsv"
    wildcard_constraints:
        video=SINGLE_LATE,
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
        settings=setting("ethogram", "minimum_bout_s", "minimum_gap_s", "thresholds"),
        rate=lambda wildcards: video_of(wildcards).rate,
    message:
        "Deciding which behaviors are present in {wildcards.video}"
    script:
        "../scripts/decide_behaviors.py"


rule draw_ethogram:
    input:
        predictions="results/ethograms/{run}/predictions/{video}.csv",
        thresholds=THRESHOLDS,
        video="results/ingest/{video}/video.json",
        labels=lambda wildcards: ["results/labels/{video}.csv"] if video_of(wildcards).labels else [],
    output:
        png="results/ethograms/{run}/figures/{video}.png",
        svg=report(
            "results/ethograms/{run}/figures/{video}.svg",
            caption="../report/ethogram.rst",
            category="Ethograms",
            labels={"run": "{run}", "video": "{video}"},
        ),
    log:
        "logs/ethograms/{run}/figures/{video}.log",
    benchmark:
        "benchmarks/jobs/ethograms/{run}/figures/{video}.tsv"
    wildcard_constraints:
        video=SINGLE_LATE,
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
        settings=setting("ethogram", "thresholds", "colors"),
        rate=lambda wildcards: video_of(wildcards).rate,
    message:
        "Drawing the ethogram of {wildcards.video}"
    script:
        "../scripts/draw_ethogram.py"


rule summarize_bouts:
    input:
        bouts=expand("results/ethograms/{{run}}/bouts/{video}.csv", video=VIDEOS),
        videos=expand("results/ingest/{video}/video.json", video=VIDEOS),
    output:
        report(
            "results/ethograms/{run}/summary.csv",
            caption="../report/summary.rst",
            category="Bout statistics",
            labels={"run": "{run}", "table": "summary"},
        ),
    log:
        "logs/ethograms/{run}/summary.log",
    benchmark:
        "benchmarks/jobs/ethograms/{run}/summary.tsv"
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
        rates=rates_of(VIDEOS),
    message:
        "Summarizing the bouts of all videos"
    script:
        "../scripts/summarize_bouts.py"


rule count_transitions:
    input:
        bouts=expand("results/ethograms/{{run}}/bouts/{video}.csv", video=VIDEOS),
        videos=expand("results/ingest/{video}/video.json", video=VIDEOS),
    output:
        table="results/ethograms/{run}/transitions.csv",
        png="results/ethograms/{run}/transitions.png",
        svg=report(
            "results/ethograms/{run}/transitions.svg",
            caption="../report/transitions.rst",
            category="Bout statistics",
            labels={"run": "{run}", "table": "transitions"},
        ),
    log:
        "logs/ethograms/{run}/transitions.log",
    benchmark:
        "benchmarks/jobs/ethograms/{run}/transitions.tsv"
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
