"""Draw the scores of the test videos."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.evaluation.figures import draw_evaluation

    draw_evaluation(
        list(zip(snakemake.input.predictions, snakemake.input.labels, snakemake.input.videos, strict=True)),
        snakemake.input.metrics,
        snakemake.input.confusion,
        snakemake.input.bout_statistics,
        Path(snakemake.output.png[0]).parent,
        behaviors=snakemake.params.behaviors,
        colors=snakemake.params.colors,
    )
