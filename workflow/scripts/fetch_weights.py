"""Fetch the public weights that the streams start from."""

from ethomake.job import job

with job(snakemake):
    from ethomake.streams.weights import fetch_weights

    settings = snakemake.params.settings
    fetch_weights(settings["network"], settings["weights"], snakemake.output[0])
