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


use rule evaluate as evaluate_check with:
    input:
        predictions=part_files(CHECK, "results/ethograms/{run}/predictions/{video}.csv", "ethogram"),
        labels=part_files(CHECK, "results/labels/{video}.csv"),
        videos=part_files(CHECK, "results/ingest/{video}/video.json"),
        learned=lambda wildcards: expand("results/ingest/{video}/video.json", video=learned_from(wildcards.run)),
    output:
        expand("results/evaluation/{{run}}/check/{file}", file=evaluation_files.TABLES),
    log:
        "logs/evaluation/{run}/check.log",
    benchmark:
        "benchmarks/jobs/evaluation/{run}/check.tsv"
    resources:
        mem_mb=memory_of("evaluate_check"),
        runtime=time_of("evaluate_check"),
    params:
        rates=lambda wildcards: rates_of(part_of(wildcards.run, CHECK)),
        part=CHECK,
    message:
        "Evaluating on the check videos"


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


rule compare_raters:
    input:
        labels=expand("results/labels/{video}.csv", video=DATA.second_rated),
        videos=expand("results/ingest/{video}/video.json", video=DATA.second_rated),
        second=DATA.second_input,
    output:
        expand("results/labels/raters/{file}", file=evaluation_files.RATERS),
    log:
        "logs/labels/raters/compare.log",
    benchmark:
        "benchmarks/jobs/labels/raters/compare.tsv"
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
