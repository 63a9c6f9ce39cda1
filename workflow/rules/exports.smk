# Predictions -> label files of other programs; `snakemake export_<format>` writes those of all runs and videos.


rule export_labels:
    input:
        predictions="results/ethograms/{run}/predictions/{video}.csv",
        video="results/ingest/{video}/video.json",
    output:
        "results/exports/{run}/{format}/{video}{extension}",
    log:
        "logs/exports/{run}/{format}/{video}{extension}.log",
    benchmark:
        "benchmarks/jobs/exports/{run}/{format}/{video}{extension}.tsv"
    wildcard_constraints:
        video="[A-Za-z0-9_-]+",
        format="|".join(EXPORTS),
        extension=r"\.[A-Za-z0-9.]+",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("export_labels"),
        runtime=time_of("export_labels"),
    params:
        code=code_of("export_labels"),
        behaviors=BEHAVIORS,
        subject=lambda wildcards: video_of(wildcards).subject,
    message:
        "Exporting the ethogram of {wildcards.video}"
    script:
        "../scripts/export_labels.py"
