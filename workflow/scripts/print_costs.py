"""Print what the project costs; the table was made with the plan, which knows threads, GPUs and packs."""

from ethomake.job import job, say

with job(snakemake):
    say(snakemake.params.table)
