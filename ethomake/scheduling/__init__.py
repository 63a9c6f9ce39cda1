"""Resource estimates, cost table, packs of short videos, and SLURM's queue."""
