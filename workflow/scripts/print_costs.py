"""Print what the project costs; the table was made with the plan, which knows threads, GPUs and packs."""

from ethomake.job import job

with job(snakemake):
    print(snakemake.params.table)
