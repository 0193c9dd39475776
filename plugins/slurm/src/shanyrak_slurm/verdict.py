"""What became of an attempt: from Slurm's record of it, else from sacct, else from the job's own notes.

Why a job may be missing: slurmctld forgets ended jobs after MinJobAge; it lost the newest ones when it died; sbatch never
reached it. A job that it has lost may still run, until its node next registers and ends what slurmctld does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shanyrak.api import Seen

from shanyrak_slurm import past
from shanyrak_slurm.book import Entry
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.jobs import Host, Job, seen
from shanyrak_slurm.notes import Spool

DOUBT_MS = 6_000
"""slurmctld may lose what it accepted in the last five seconds before it died."""
ORPHAN_MS = 30_000
"""How long after slurmctld lost it a job's node has ended it, if the node answers."""


class Verdict:
    """Judges single attempts of one engine."""

    def __init__(self, slurm: Slurm, spool: Spool, host: Callable[[str], Host | None]) -> None:
        self._slurm, self._spool, self._host = slurm, spool, host

    def of_job(self, entry: Entry, job: Job) -> Seen:
        """What lives."""
        return seen(entry.token, job, entry.walltime_ms if entry.over else 0)

    def of_end(self, entry: Entry, job: Job) -> Seen:
        """Slurm's record of an end, and what the job's notes add: that its command could not start at all."""
        end = self.of_job(entry, job)
        if end.cause or end.exit_code == 0:
            return end
        note = self._spool.note(entry.token, entry.user)
        if note.launch:
            return replace(end, exit_code=None, signal=0, cause="launch", words=note.launch)
        if not note.job:
            words = f"its script could not write to {self._spool.folder} on {job.node or 'its node'}"
            return replace(end, exit_code=None, signal=0, cause="node", words=words)
        return end

    def of_silence(self, entry: Entry, now_ms: int) -> Seen:
        """What is said of an attempt that Slurm does not show, until there is a verdict."""
        if 0 <= now_ms - entry.asked_ms < DOUBT_MS:
            return Seen(entry.token, "pending", words="Slurm was asked for it, and does not show it yet")
        return Seen(entry.token, "unknown", words="Slurm shows nothing of it")

    def of_missing(self, entry: Entry, now_ms: int) -> Seen | None:
        """The end of an attempt that Slurm does not show; None while there is no evidence for one. Raises EngineProblem."""
        if 0 <= now_ms - entry.asked_ms < DOUBT_MS or not 0 < entry.missed_ms <= now_ms - DOUBT_MS:
            return None
        for job in past.find(self._slurm, entry.name, entry.asked_ms):
            if job.place == entry.place and job.ended:
                return self.of_end(entry, job)
        note = self._spool.note(entry.token, entry.user)
        if note.ended_ms or note.launch:
            return note.seen(entry.token)
        if not note.claimed or note.given_up:
            if self._spool.give_up(entry.token, entry.user):
                return Seen(entry.token, "absent", words="Slurm lost it before it started", fenced=True)
            return None  # it started just now
        if now_ms - entry.missed_ms < ORPHAN_MS:
            return None
        host = self._host(note.node)
        if host is None or not host.up:
            return None
        return Seen(
            entry.token, "absent", words=f"Slurm lost it while it ran on {note.node}, which ended it", fenced=True
        )
