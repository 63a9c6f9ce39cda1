"""Fit thresholds and shortest bouts on the validation videos."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.thresholds import fit_thresholds

    fit_thresholds(
        list(zip(snakemake.input.probabilities, snakemake.input.labels, snakemake.input.videos, strict=True)),
        snakemake.output[0],
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
    )
