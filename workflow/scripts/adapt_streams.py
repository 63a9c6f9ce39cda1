"""Adapt the trained streams to a recording."""

from ethomake.job import job

with job(snakemake):
    from ethomake.features.adapt import adapt_recording

    adapt_recording(
        snakemake.params.recording,
        snakemake.input.videos,
        snakemake.output[0],
        flow_weights=snakemake.input.get("flow"),
        spatial_weights=snakemake.input.get("spatial"),
        motion_weights=snakemake.input.get("motion"),
        reuse=snakemake.params.reuse,
        precision=snakemake.params.precision,
    )
