"""List the results that stay behind, or remove them."""

from ethomake.job import job

with job(snakemake):
    from ethomake.provenance.tidy import list_leftovers, remove_leftovers

    do = remove_leftovers if snakemake.params.is_meant else list_leftovers
    do(snakemake.params.leftovers)
