"""Check one label file against its video and convert it to our own format."""

from ethomake.job import job

with job(snakemake):
    from ethomake.labels.check import check_labels

    check_labels(
        snakemake.params.source or snakemake.input.labels[0],
        snakemake.input.manifest,
        snakemake.output[0],
        behaviors=snakemake.params.behaviors,
        scored=snakemake.params.scored,
        exclusive=snakemake.params.exclusive,
        subject=snakemake.params.subject,
        models=snakemake.input.models[0] if snakemake.input.models else None,
    )
