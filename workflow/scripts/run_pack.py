"""Do the jobs of a pack of videos, one after another."""

from ethomake.scheduling.packs import run_pack

run_pack(snakemake.params.pack, snakemake.threads)
