# Shared by all trained stages: the figure of the learning curves.


rule draw_curves:
    input:
        "results/{trained}/history.csv",
    output:
        png="results/{trained}/curves.png",
        svg=report(
            "results/{trained}/curves.svg",
            caption="../report/curves.rst",
            category="Learning curves",
            labels={"trained": "{trained}"},
        ),
    log:
        "logs/curves/{trained}.log",
    benchmark:
        "benchmarks/jobs/curves/{trained}.tsv"
    wildcard_constraints:
        trained="flow/[^/]+|streams/[^/]+/(spatial|motion|joint)|sequence/[^/]+",
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("draw_curves"),
        runtime=time_of("draw_curves"),
    params:
        code=code_of("draw_curves"),
        title=curves_title,
    message:
        "Drawing the learning curves of {wildcards.trained}"
    script:
        "../scripts/draw_curves.py"
