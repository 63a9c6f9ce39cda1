"""Write down which videos train, validate and test."""

from ethomake.job import job

with job(snakemake):
    from ethomake.labels.splits import write_split

    write_split(
        snakemake.output[0],
        snakemake.params.parts,
        split=snakemake.wildcards.split,
        seed=snakemake.params.seed,
    )
