# Results compared with their records of provenance, and all records as one document. Both run at each call.


rule check:
    log:
        "logs/check.log",
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("check"),
        runtime=time_of("check"),
    params:
        sources=DATA.sources,
    message:
        "Comparing all results with what was recorded when they were made"
    script:
        "../scripts/check_results.py"


# Its document is a param, not an output, so that it is written again at each call.
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
        "Writing all records of provenance into one document"
    script:
        "../scripts/export_provenance.py"
