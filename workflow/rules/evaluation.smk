# Predictions against labels, on the test videos that nothing was fitted on; and the report.


rule evaluate:
    input:
        predictions=part_files("test", "results/ethograms/{run}/predictions/{video}.csv", "ethogram"),
        labels=part_files("test", "results/labels/{video}.csv"),
        videos=part_files("test", "results/ingest/{video}/video.json"),
        learned=lambda wildcards: expand("results/ingest/{video}/video.json", video=learned_from(wildcards.run)),
    output:
        metrics_json="results/evaluation/{run}/metrics.json",
        metrics_csv=report(
            "results/evaluation/{run}/metrics.csv",
            caption="../report/metrics.rst",
            category="Evaluation",
            labels={"run": "{run}", "table": "metrics"},
        ),
        per_video_csv="results/evaluation/{run}/per_video.csv",
        precision_recall_csv="results/evaluation/{run}/precision_recall.csv",
        calibration_csv="results/evaluation/{run}/calibration.csv",
        confusion_csv="results/evaluation/{run}/confusion.csv",
        bout_statistics_csv="results/evaluation/{run}/bout_statistics.csv",
    log:
        "logs/evaluation/{run}/evaluate.log",
    benchmark:
        "benchmarks/jobs/evaluation/{run}/evaluate.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("evaluate"),
        runtime=time_of("evaluate"),
    params:
        code=code_of("evaluate_test"),
        behaviors=BEHAVIORS,
        chance_shifts=lambda wildcards: run_of(wildcards.run).settings["evaluation"]["chance_shifts"],
        seed=settings_of("evaluation", "seed"),
    message:
        "Evaluating on the test videos"
    script:
        "../scripts/evaluate_test.py"


rule draw_evaluation:
    input:
        metrics="results/evaluation/{run}/metrics.json",
        precision_recall="results/evaluation/{run}/precision_recall.csv",
        calibration="results/evaluation/{run}/calibration.csv",
        confusion="results/evaluation/{run}/confusion.csv",
        bout_statistics="results/evaluation/{run}/bout_statistics.csv",
    output:
        png=expand("results/evaluation/{{run}}/{figure}.png", figure=EVALUATION_FIGURES),
        svg=report(
            expand("results/evaluation/{{run}}/{figure}.svg", figure=EVALUATION_FIGURES),
            caption="../report/evaluation.rst",
            category="Evaluation",
        ),
    log:
        "logs/evaluation/{run}/draw.log",
    benchmark:
        "benchmarks/jobs/evaluation/{run}/draw.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("draw_evaluation"),
        runtime=time_of("draw_evaluation"),
    params:
        code=code_of("draw_evaluation"),
        behaviors=BEHAVIORS,
        colors=lambda wildcards: run_of(wildcards.run).settings["ethogram"]["colors"],
    message:
        "Drawing the evaluation"
    script:
        "../scripts/draw_evaluation.py"


rule write_report:
    input:
        unpack(lambda wildcards: dict(trained_models(wildcards.run))),
        sequence=lambda wildcards: sequence_model(wildcards.run),
        videos=expand("results/ingest/{video}/video.json", video=VIDEOS),
        ethograms=lambda wildcards: ethograms_of(wildcards.run, "figures/{video}.svg"),
        summary=at_home("ethogram", "results/ethograms/{run}/summary.csv"),
        transitions=at_home("ethogram", "results/ethograms/{run}/transitions.svg"),
        thresholds=at_home("ethogram", THRESHOLDS),
        evaluation=lambda wildcards: evaluation_of(wildcards.run),
        curves=lambda wildcards: [figure for _, figure in learning_curves(wildcards.run)],
        bundle=["results/models/bundle.json"] if BUNDLE else [],
    output:
        "results/report/{run}.html",
    log:
        "logs/report/{run}.log",
    benchmark:
        "benchmarks/jobs/report/{run}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("write_report"),
        runtime=time_of("write_report"),
    params:
        code=code_of("write_report"),
        rows=report_rows,
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        titles=lambda wildcards: [title for title, _ in learning_curves(wildcards.run)],
        models=lambda wildcards: [name for name, _ in trained_models(wildcards.run)],
        settings=lambda wildcards: run_of(wildcards.run).settings,
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
