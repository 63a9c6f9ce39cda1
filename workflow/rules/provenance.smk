# What was made from what: results against their records, and all records as one document. Both run whenever asked for.


rule check:
    log:
        "logs/check.log",
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    message:
        "Comparing all results with what was recorded when they were made"
    script:
        "../scripts/check_results.py"
