"""Train the sequence model."""

from ethomake.job import job

with job(snakemake):
    from ethomake.sequence.train import train_sequence
    from ethomake.training.plan import TrainingPlan

    plan = TrainingPlan(
        train=snakemake.input.train,
        train_labels=snakemake.input.train_labels,
        validate=snakemake.input.validate,
        validate_labels=snakemake.input.validate_labels,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
    train_sequence(plan, snakemake.params.streams, snakemake.output.weights, snakemake.output.history)
