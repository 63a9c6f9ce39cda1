# Predictions against labels, on the test videos that nothing was fitted on.


rule evaluate:
    input:
        predictions=expand("results/predictions/main/{video}.csv", video=TEST),
        labels=expand("results/labels/{video}.csv", video=TEST),
        videos=expand("results/ingest/{video}/video.json", video=TEST),
        learned=[] if BUNDLE else expand("results/ingest/{video}/video.json", video=LEARNED),
    output:
        metrics=report(
            "results/evaluation/metrics.csv",
            caption="../report/metrics.rst",
            category="Evaluation",
            labels={"table": "metrics"},
        ),
        others=expand(
            "results/evaluation/{file}", file=[name for name in evaluation_files.TABLES if name != "metrics.csv"]
        ),
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
        expand("results/evaluation/{file}", file=evaluation_files.DRAWN),
    output:
        png=expand("results/evaluation/{figure}.png", figure=evaluation_files.FIGURES),
        svg=report(
            expand("results/evaluation/{figure}.svg", figure=evaluation_files.FIGURES),
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
