"""Fit thresholds and shortest bouts on the videos for training and validation."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.thresholds import FittingVideo, fit_thresholds

    videos = zip(
        snakemake.params.videos,
        snakemake.params.recordings,
        snakemake.input.labels,
        snakemake.input.videos,
        strict=True,
    )
    fit_thresholds(
        snakemake.input.out_of_fold,
        [FittingVideo(*files, rate=snakemake.params.rates.get(files[0])) for files in videos],
        snakemake.output[0],
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
    )
