# What was made from what: results against their records, and all records as one document. Both run whenever asked for.


rule check:
    log:
        "logs/check.log",
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("check"),
        runtime=time_of("check"),
    message:
        "Comparing all results with what was recorded when they were made"
    script:
        "../scripts/check_results.py"


# Its document is a param, no output: it is to be written anew whenever it is asked for.
rule provenance:
    log:
        "logs/provenance.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("provenance"),
        runtime=time_of("provenance"),
    params:
        document="results/provenance.json",
    message:
        "Writing down what was made from what"
    script:
        "../scripts/export_provenance.py"
