"""Draw the ethogram of one video."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.figures import draw_ethogram

    draw_ethogram(
        snakemake.input.predictions,
        snakemake.input.thresholds,
        snakemake.input.video,
        snakemake.output.png,
        snakemake.output.svg,
        video=snakemake.wildcards.video,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        settings=snakemake.params.settings,
        rate=snakemake.params.rate,
        labels=snakemake.input.labels[0] if snakemake.input.labels else None,
    )
