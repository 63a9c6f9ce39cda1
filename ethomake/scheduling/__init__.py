"""What schedulers are told of jobs: what each needs, what all cost, which share a process, what SLURM has of them."""
