"""Extract the features of one video."""

from ethomake.job import job

with job(snakemake):
    from ethomake.features.extract import extract_features

    extract_features(
        snakemake.input.video,
        snakemake.output.store,
        snakemake.output.manifest,
        checkpoint=snakemake.params.checkpoint,
        flow_weights=snakemake.input.get("flow"),
        spatial_weights=snakemake.input.get("spatial"),
        motion_weights=snakemake.input.get("motion"),
        frozen_weights=snakemake.input.get("frozen"),
        adapted=snakemake.input.get("adapted"),
        reuse=snakemake.params.reuse,
        fusion=snakemake.params.fusion,
        precision=snakemake.params.precision,
    )
