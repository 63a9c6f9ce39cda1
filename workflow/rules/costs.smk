# A table of what the project costs, by estimate; printed at each call.


rule costs:
    log:
        "logs/costs.log",
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        table=lambda wildcards: ESTIMATES.cost_table([*SHARED.values()], [*SHARED_LATE.values()]),
    message:
        "What the project costs, from raw videos to the report, by estimate"
    script:
        "../scripts/print_costs.py"
