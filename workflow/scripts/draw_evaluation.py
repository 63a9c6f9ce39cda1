"""Draw the scores of the test videos."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.evaluation.figures import draw_evaluation

    draw_evaluation(
        snakemake.input.metrics,
        snakemake.input.precision_recall,
        snakemake.input.calibration,
        snakemake.input.confusion,
        snakemake.input.bout_statistics,
        Path(snakemake.output.png[0]).parent,
        behaviors=snakemake.params.behaviors,
        colors=snakemake.params.colors,
    )
