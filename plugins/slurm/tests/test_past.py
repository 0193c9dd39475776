"""What a real sacct remembers of a job, also where clocks differ."""

from __future__ import annotations

import time

from shanyrak_slurm import past
from shanyrak_slurm.trial import Cluster
from slurmlab.engines import ended, engine
from slurmlab.launches import ME, launch
from slurmlab.office import until


def test_a_clock_here_that_is_most_of_an_hour_fast_hides_nothing(accounting: Cluster) -> None:
    with engine(accounting) as made:
        made.launch([launch("clocks", "sh", "-c", "exit 3", unit="gpu")])
        ended(made, "clocks")
        asked_ms = round(time.time() * 1000) + 3_000_000
        assert until(lambda: any(job.ended for job in past.find(made.slurm, ["clocks"], [ME], asked_ms)))
        (job,) = past.find(made.slurm, ["clocks"], [ME], asked_ms)
        assert (job.name, job.state, job.status) == ("clocks", "FAILED", 3 << 8)
