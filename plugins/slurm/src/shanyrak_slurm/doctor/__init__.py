"""`shanyrak slurm doctor`: what the site's Slurm has and lacks for this site, in words, with the fix."""
