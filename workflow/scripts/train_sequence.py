"""Train the sequence model."""

from ethomake.job import job

with job(snakemake):
    from ethomake.sequence.train import train_sequence

    train_sequence(
        list(zip(snakemake.input.train, snakemake.input.train_labels, strict=True)),
        list(zip(snakemake.input.validate, snakemake.input.validate_labels, strict=True)),
        snakemake.output.weights,
        snakemake.output.history,
        behaviors=snakemake.params.behaviors,
        exclusive=snakemake.params.exclusive,
        streams=snakemake.params.streams,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
