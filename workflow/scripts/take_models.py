"""Take networks and thresholds out of a bundle."""

from ethomake.job import job

with job(snakemake):
    from ethomake.bundle.take import take_models

    take_models(snakemake.params.bundle, dict(snakemake.output.items()))
