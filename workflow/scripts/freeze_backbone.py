"""Take the layers of a pretrained backbone that describe the frames."""

from ethomake.job import job

with job(snakemake):
    from ethomake.streams.frozen import freeze_backbone

    settings = snakemake.params.settings
    freeze_backbone(settings["network"], settings["weights"], snakemake.output.weights)
