"""`shanyrak slurm sync`: Slurm schedules, by shares, limits and reservations that follow from grants, floors, caps and windows."""
