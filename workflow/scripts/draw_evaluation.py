"""Draw the scores of the test videos."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.evaluation.figures import draw_evaluation

    draw_evaluation(
        Path(snakemake.input[0]).parent,
        Path(snakemake.output.png[0]).parent,
        behaviors=snakemake.params.behaviors,
        colors=snakemake.params.colors,
    )
