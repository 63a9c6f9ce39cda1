"""Copy networks and thresholds from a bundle."""

from ethomake.job import job

with job(snakemake):
    from ethomake.bundle.take import take_models

    take_models(snakemake.params.bundle, dict(snakemake.output.items()))
