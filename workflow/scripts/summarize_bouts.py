"""Summarize the bouts of all videos."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.summary import summarize

    summarize(
        list(zip(snakemake.input.bouts, snakemake.input.videos, strict=True)),
        snakemake.output[0],
        behaviors=snakemake.params.behaviors,
        table=snakemake.params.table,
        rates=snakemake.params.rates,
    )
