"""Train the spatial or the motion stream."""

from ethomake.job import job

with job(snakemake):
    from ethomake.files import scratch_folder
    from ethomake.streams.train import train_stream
    from ethomake.training.launch import launch, processes_for
    from ethomake.training.plan import TrainingPlan

    plan = TrainingPlan(
        train=snakemake.input.train,
        train_labels=snakemake.input.train_labels,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        settings=snakemake.params.settings,
        augmentation=snakemake.params.augmentation,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
        scratch=scratch_folder(snakemake.resources.tmpdir, snakemake.params.checkpoint),
    )
    launch(
        train_stream,
        processes_for(snakemake.resources.gpu),
        plan,
        snakemake.wildcards.stream,
        snakemake.output.weights,
        snakemake.output.history,
        flow_weights=snakemake.input.flow or None,
        pretrained=next(iter(snakemake.input.weights), None),
    )
