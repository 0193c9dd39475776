"""The newest look at Slurm's queue: one call for all jobs, not more often than the site wants."""

from __future__ import annotations

import time

from shanyrak_slurm.book import Entry
from shanyrak_slurm.jobs import Job, Transport
from shanyrak_slurm.notes import Spool


class Queue:
    """What slurmctld showed when it was last looked at, by name and place."""

    def __init__(self, transport: Transport, poll_s: float) -> None:
        self.transport, self._poll = transport, poll_s
        self._looked = float("-inf")
        self._jobs: dict[tuple[str, int], list[Job]] = {}
        self._ids: dict[str, str] = {}

    def look(self) -> None:
        """Look again, unless that was just now. Raises EngineProblem: then nothing may be concluded."""
        if time.monotonic() - self._looked < self._poll:
            return
        jobs: dict[tuple[str, int], list[Job]] = {}
        ids: dict[str, str] = {}
        for job in self.transport.jobs():
            jobs.setdefault((job.name, job.place), []).append(job)
            ids[job.name] = job.id.partition("_")[0]
        self._jobs, self._ids = jobs, ids
        self._looked = time.monotonic()

    def stale(self) -> None:
        """Something was asked for: the next look is a new one."""
        self._looked = float("-inf")

    def id_of(self, name: str) -> str:
        """Slurm's id of the job of that name, or empty."""
        return self._ids.get(name, "")

    def find(self, entry: Entry, spool: Spool) -> Job | None:
        """The job of an attempt: of several under its name the one that claimed the token, then one that lives."""
        found = self._jobs.get((entry.name, entry.place), [])
        if len(found) < 2:
            return found[0] if found else None
        claimed = spool.note(entry.token, entry.user).job
        return max(found, key=lambda job: (job.raw == claimed, not job.ended, job.submitted_ms))
