"""Check one label file against its video and convert it to our own format."""

from ethomake.job import job

with job(snakemake):
    from ethomake.labels.check import check_labels
    from ethomake.labels.policies import Policies

    check_labels(
        snakemake.params.source or snakemake.input.labels[0],
        snakemake.input.manifest,
        snakemake.output.labels,
        behaviors=snakemake.params.behaviors,
        scored=snakemake.params.scored,
        exclusive=snakemake.params.exclusive,
        subject=snakemake.params.subject,
        policies=Policies.of(snakemake.params.settings),
        report=snakemake.output.report,
        names=snakemake.params.settings["names"],
        models=snakemake.input.models[0] if snakemake.input.models else None,
    )
