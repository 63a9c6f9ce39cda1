"""Decode one video into its frame store."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ingest.ingest import ingest_video

    ingest_video(
        snakemake.params.source or snakemake.input[0],
        snakemake.output.frames,
        snakemake.output.index,
        snakemake.output.manifest,
        video=snakemake.wildcards.video,
        crop=snakemake.params.crop,
        track=snakemake.params.track or next(iter(snakemake.input.get("track", [])), None),
        animal=snakemake.params.animal,
        following=snakemake.params.following,
        **snakemake.params.settings,
        threads=snakemake.threads,
    )
