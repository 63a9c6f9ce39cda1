# Predictions against labels, on the test videos that nothing was fitted on; and apart from them, on the check videos.


rule evaluate:
    input:
        predictions=part_files("test", "results/ethograms/{run}/predictions/{video}.csv", "ethogram"),
        labels=part_files("test", "results/labels/{video}.csv"),
        videos=part_files("test", "results/ingest/{video}/video.json"),
        learned=lambda wildcards: expand("results/ingest/{video}/video.json", video=learned_from(wildcards.run)),
    output:
        metrics=report(
            "results/evaluation/{run}/metrics.csv",
            caption="../report/metrics.rst",
            category="Evaluation",
            labels={"run": "{run}", "table": "metrics"},
        ),
        others=expand(
            "results/evaluation/{{run}}/{file}",
            file=[name for name in evaluation_files.TABLES if name != "metrics.csv"],
        ),
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
        chance_shifts=setting("evaluation", "chance_shifts"),
        seed=settings_of("evaluation", "seed"),
        rates=lambda wildcards: rates_of(part_of(wildcards.run, "test")),
        part="test",
    message:
        "Evaluating on the test videos"
    script:
        "../scripts/evaluate_test.py"


rule evaluate_check:
    input:
        predictions=part_files("check", "results/ethograms/{run}/predictions/{video}.csv", "ethogram"),
        labels=part_files("check", "results/labels/{video}.csv"),
        videos=part_files("check", "results/ingest/{video}/video.json"),
        learned=lambda wildcards: expand("results/ingest/{video}/video.json", video=learned_from(wildcards.run)),
    output:
        expand("results/evaluation/{{run}}/check/{file}", file=evaluation_files.TABLES),
    log:
        "logs/evaluation/{run}/check.log",
    benchmark:
        "benchmarks/jobs/evaluation/{run}/check.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("evaluate_check"),
        runtime=time_of("evaluate_check"),
    params:
        code=code_of("evaluate_test"),
        behaviors=BEHAVIORS,
        chance_shifts=setting("evaluation", "chance_shifts"),
        seed=settings_of("evaluation", "seed"),
        rates=lambda wildcards: rates_of(part_of(wildcards.run, "check")),
        part="check",
    message:
        "Evaluating on the check videos"
    script:
        "../scripts/evaluate_test.py"


rule draw_evaluation:
    input:
        expand("results/evaluation/{{run}}/{file}", file=evaluation_files.DRAWN),
    output:
        png=expand("results/evaluation/{{run}}/{figure}.png", figure=evaluation_files.FIGURES),
        svg=report(
            expand("results/evaluation/{{run}}/{figure}.svg", figure=evaluation_files.FIGURES),
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
        colors=setting("ethogram", "colors"),
    message:
        "Drawing the evaluation"
    script:
        "../scripts/draw_evaluation.py"
