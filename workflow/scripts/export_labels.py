"""Write the predictions for one video as a label file of another program."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.export import export_labels

    export_labels(
        snakemake.input.predictions,
        snakemake.input.video,
        snakemake.output[0],
        format=snakemake.wildcards.format,
        behaviors=snakemake.params.behaviors,
        subject=snakemake.params.subject,
    )
