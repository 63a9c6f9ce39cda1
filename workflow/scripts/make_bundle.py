"""Make a bundle of the trained networks, for other projects."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.bundle.write import make_bundle

    source, params = snakemake.input, snakemake.params
    make_bundle(
        Path(snakemake.output.manifest).parent,
        weights={name: source[name] for name in params.models},
        thresholds=source.thresholds,
        evaluation=source.evaluation,
        learned={
            "train": list(zip(source.train, source.train_labels, strict=True)),
            "validate": list(zip(source.validate, source.validate_labels, strict=True)),
        },
        flow_videos=source.flow_videos,
        settings=params.settings,
        rates=params.rates,
    )
