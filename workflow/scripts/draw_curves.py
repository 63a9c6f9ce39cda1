"""Draw the learning curves of one training."""

from ethomake.job import job

with job(snakemake):
    from ethomake.training.history import draw_curves

    draw_curves(snakemake.input[0], snakemake.output.png, snakemake.output.svg, title=snakemake.params.title)
