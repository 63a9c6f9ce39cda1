"""Compare the frames of the videos of different parts."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ingest.copies import compare_videos

    compare_videos(snakemake.input, snakemake.output[0], parts=snakemake.params.parts)
