"""Compare each stream by itself with the labels, recording by recording."""

from ethomake.job import job

with job(snakemake):
    from ethomake.features.scores import score_streams

    source, params = snakemake.input, snakemake.params
    score_streams(
        [(*known, *files) for known, *files in zip(params.videos, source.features, source.labels, strict=True)],
        snakemake.output[0],
        behaviors=params.behaviors,
        exclusive=params.exclusive,
        shifts=params.shifts,
        seed=params.seed,
    )
