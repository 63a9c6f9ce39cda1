"""Train the optic-flow network."""

from ethomake.job import job

with job(snakemake):
    from ethomake.flow.train import train_flow
    from ethomake.training.launch import launch, processes_for

    launch(
        train_flow,
        processes_for(snakemake.resources.gpu),
        snakemake.input.train,
        snakemake.input.validate,
        snakemake.output.weights,
        snakemake.output.history,
        settings=snakemake.params.settings,
        augmentation=snakemake.params.augmentation,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
