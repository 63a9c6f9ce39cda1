"""Train the flow network and both streams together."""

from ethomake.job import job

with job(snakemake):
    from ethomake.streams.joint import train_joint
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
    )
    launch(
        train_joint,
        processes_for(snakemake.resources.gpu),
        plan,
        {name: snakemake.input[name] for name in ("flow", "spatial", "motion")},
        {name: snakemake.output[name] for name in ("flow", "spatial", "motion")},
        snakemake.output.history,
    )
