"""Evaluate the predictions of the test videos, or of the check videos."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.evaluation.evaluate import evaluate

    evaluate(
        list(zip(snakemake.input.predictions, snakemake.input.labels, snakemake.input.videos, strict=True)),
        Path(snakemake.output[0]).parent,
        behaviors=snakemake.params.behaviors,
        chance_shifts=snakemake.params.chance_shifts,
        seed=snakemake.params.seed,
        learned=snakemake.input.learned,
        rates=snakemake.params.rates,
        part=snakemake.params.part,
    )
