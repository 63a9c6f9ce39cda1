"""Cut a video for each fly out of one clip, and derive the labels."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.example.flies import cut_flies

    cut_flies(snakemake.input.wheel, snakemake.params.clip, Path(snakemake.output[0]).parent)
