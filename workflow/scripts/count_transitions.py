"""Count which behavior follows which."""

from ethomake.job import job

with job(snakemake):
    from ethomake.ethogram.transitions import count_transitions

    count_transitions(
        list(zip(snakemake.input.bouts, snakemake.input.videos, strict=True)),
        snakemake.output.table,
        snakemake.output.png,
        snakemake.output.svg,
        behaviors=snakemake.params.behaviors,
        table=snakemake.params.table,
    )
