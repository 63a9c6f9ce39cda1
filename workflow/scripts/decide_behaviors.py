"""Decide which behaviors are present in one video."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.decide import decide_behaviors

    decide_behaviors(
        snakemake.input.probabilities,
        snakemake.input.thresholds,
        snakemake.input.video,
        snakemake.output.predictions,
        snakemake.output.bouts,
        video=snakemake.wildcards.video,
        subject=snakemake.params.subject,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        settings=snakemake.params.settings,
        rate=snakemake.params.rate,
    )
