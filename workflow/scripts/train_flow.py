"""Train the optic-flow network."""

from ethomake.job import job

with job(snakemake):
    from ethomake.flow.train import train_flow
    from ethomake.training.launch import launch, processes_for
    from ethomake.training.plan import TrainingPlan

    plan = TrainingPlan(
        train=snakemake.input.train,
        validate=snakemake.input.validate,
        settings=snakemake.params.settings,
        augmentation=snakemake.params.augmentation,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
    processes = processes_for(snakemake.resources.gpu)
    launch(train_flow, processes, plan, snakemake.output.weights, snakemake.output.history)
