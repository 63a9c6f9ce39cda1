"""Train the optic-flow network."""

from ethomake.job import job

with job(snakemake):
    from ethomake.flow.train import train_flow

    train_flow(
        snakemake.input.train,
        snakemake.input.validate,
        snakemake.output.weights,
        snakemake.output.history,
        settings=snakemake.params.settings,
        augmentation=snakemake.params.augmentation,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
