"""`shanyrak slurm import`: past work from sacct into the journal."""
