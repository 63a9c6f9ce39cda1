"""Compare the labels of two raters."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.evaluation.raters import RatedVideo, compare_raters

    source, params = snakemake.input, snakemake.params
    seconds = params.second or source.second
    videos = [
        RatedVideo(*files, scored=scored, rate=params.rates.get(name), subject=subject)
        for name, scored, subject, *files in zip(
            params.videos, params.scored, params.subjects, source.labels, seconds, source.videos, strict=True
        )
    ]
    compare_raters(
        videos,
        Path(snakemake.output[0]).parent,
        behaviors=params.behaviors,
        exclusive=params.exclusive,
        tolerance_s=params.tolerance_s,
        settings=params.settings,
    )
