"""Train the spatial or the motion stream."""

from ethomake.job import job

with job(snakemake):
    from ethomake.files import scratch_folder
    from ethomake.streams.train import train_stream
    from ethomake.training.launch import launch, processes_for

    launch(
        train_stream,
        processes_for(snakemake.resources.gpu),
        snakemake.wildcards.stream,
        list(zip(snakemake.input.train, snakemake.input.train_labels, strict=True)),
        list(zip(snakemake.input.validate, snakemake.input.validate_labels, strict=True)),
        snakemake.output.weights,
        snakemake.output.history,
        flow_weights=snakemake.input.flow or None,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        settings=snakemake.params.settings,
        augmentation=snakemake.params.augmentation,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
        scratch=scratch_folder(snakemake.resources.tmpdir, snakemake.params.checkpoint),
    )
