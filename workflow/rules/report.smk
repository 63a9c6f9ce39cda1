# Ethograms, statistics, evaluation, learning curves -> one page.


rule write_report:
    input:
        unpack(lambda wildcards: dict(trained_models(wildcards.run))),
        sequence=lambda wildcards: sequence_model(wildcards.run),
        videos=expand("results/ingest/{video}/video.json", video=VIDEOS),
        imported=expand("results/labels/{video}.json", video=LABELLED),
        ethograms=lambda wildcards: ethograms_of(wildcards.run, "figures/{video}.svg"),
        summary=at_home("ethogram", "results/ethograms/{run}/summary.csv"),
        transitions=at_home("ethogram", "results/ethograms/{run}/transitions.svg"),
        thresholds=at_home("ethogram", THRESHOLDS),
        evaluation=lambda wildcards: evaluation_of(wildcards.run),
        checks=lambda wildcards: checks_of(wildcards.run),
        raters=DATA.raters(),
        streams=lambda wildcards: DATA.stream_scores_of(wildcards.run),
        curves=lambda wildcards: [figure for _, figure in learning_curves(wildcards.run)],
        bundle=["results/models/bundle.json"] if BUNDLE else [],
    output:
        "results/report/{run}.html",
    log:
        "logs/report/{run}.log",
    benchmark:
        "benchmarks/jobs/report/{run}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("write_report"),
        runtime=time_of("write_report"),
    params:
        code=code_of("write_report"),
        rows=report_rows,
        behaviors=BEHAVIORS,
        exclusive=EXCLUSIVE,
        titles=lambda wildcards: [title for title, _ in learning_curves(wildcards.run)],
        models=lambda wildcards: [name for name, _ in trained_models(wildcards.run)],
        settings=DATA.described_settings,
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
