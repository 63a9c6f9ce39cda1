"""Train the sequence model."""

from ethomake.job import job

with job(snakemake):
    from ethomake.sequence.train import train_sequence
    from ethomake.training.plan import TrainingPlan

    plan = TrainingPlan(
        train=snakemake.input.features,
        train_labels=snakemake.input.labels,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
    train_sequence(
        plan,
        snakemake.params.streams,
        snakemake.output.weights,
        snakemake.output.history,
        snakemake.output.out_of_fold,
        folds=snakemake.params.folds,
    )
