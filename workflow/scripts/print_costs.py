"""Print what the project costs; the table is made where jobs are planned, with their threads, GPUs and packs."""

from ethomake.job import job

with job(snakemake):
    print(snakemake.params.table)
