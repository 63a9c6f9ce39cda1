# Predictions against labels, on the test videos that nothing was fitted on.


rule evaluate:
    input:
        predictions=expand("results/predictions/main/{video}.csv", video=TEST),
        labels=expand("results/labels/{video}.csv", video=TEST),
        videos=expand("results/ingest/{video}/video.json", video=TEST),
        learned=[] if BUNDLE else expand("results/ingest/{video}/video.json", video=LEARNED),
    output:
        metrics_json="results/evaluation/metrics.json",
        metrics_csv=report(
            "results/evaluation/metrics.csv",
            caption="../report/metrics.rst",
            category="Evaluation",
            labels={"table": "metrics"},
        ),
        per_video_csv="results/evaluation/per_video.csv",
        precision_recall_csv="results/evaluation/precision_recall.csv",
        calibration_csv="results/evaluation/calibration.csv",
        confusion_csv="results/evaluation/confusion.csv",
        bout_statistics_csv="results/evaluation/bout_statistics.csv",
    log:
        "logs/evaluation/evaluate.log",
    benchmark:
        "benchmarks/jobs/evaluation/evaluate.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("evaluate"),
        runtime=time_of("evaluate"),
    params:
        code=code_of("evaluate_test"),
        behaviors=BEHAVIORS,
        chance_shifts=SETTINGS["evaluation"]["chance_shifts"],
        seed=SEED,
    message:
        "Evaluating on the test videos"
    script:
        "../scripts/evaluate_test.py"


rule draw_evaluation:
    input:
        metrics="results/evaluation/metrics.json",
        precision_recall="results/evaluation/precision_recall.csv",
        calibration="results/evaluation/calibration.csv",
        confusion="results/evaluation/confusion.csv",
        bout_statistics="results/evaluation/bout_statistics.csv",
    output:
        png=expand("results/evaluation/{figure}.png", figure=EVALUATION_FIGURES),
        svg=report(
            expand("results/evaluation/{figure}.svg", figure=EVALUATION_FIGURES),
            caption="../report/evaluation.rst",
            category="Evaluation",
        ),
    log:
        "logs/evaluation/draw.log",
    benchmark:
        "benchmarks/jobs/evaluation/draw.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("draw_evaluation"),
        runtime=time_of("draw_evaluation"),
    params:
        code=code_of("draw_evaluation"),
        behaviors=BEHAVIORS,
        colors=SETTINGS["ethogram"]["colors"],
    message:
        "Drawing the evaluation"
    script:
        "../scripts/draw_evaluation.py"
