# Ethograms, statistics, evaluation, learning curves -> one page.


rule write_report:
    input:
        **dict(trained_models("main")),
        sequence=SEQUENCE_MODEL.format(split="main"),
        videos=expand("results/ingest/{video}/video.json", video=VIDEOS),
        ethograms=expand("results/ethograms/{video}.svg", video=VIDEOS),
        summary="results/summary.csv",
        transitions="results/transitions.svg",
        thresholds=THRESHOLDS,
        evaluation=EVALUATION,
        curves=[figure for _, figure in learning_curves("main")],
        bundle=["results/models/bundle.json"] if BUNDLE else [],
    output:
        "results/report.html",
    log:
        "logs/report.log",
    benchmark:
        "benchmarks/jobs/report.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("write_report"),
        runtime=time_of("write_report"),
    params:
        code=code_of("write_report"),
        rows=REPORT_ROWS,
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        titles=[title for title, _ in learning_curves("main")],
        models=[name for name, _ in trained_models("main")],
        settings=SETTINGS,
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
