"""The newest look at Slurm's queue: one call for all jobs, not more often than the site wants.

Anybody can give a job the name of another's: only jobs of the user whose work it is are looked at.
"""

from __future__ import annotations

import pwd
import time
from collections.abc import Iterable
from functools import cache

from shanyrak.api import EngineProblem

from shanyrak_slurm.book import Entry
from shanyrak_slurm.jobs import Job, Transport
from shanyrak_slurm.notes import Spool


class Queue:
    """What slurmctld showed when it was last looked at, by user, name and place. Without `owners` all jobs are this user's."""

    def __init__(self, transport: Transport, poll_s: float, owners: bool) -> None:
        self.transport, self._poll, self._owners = transport, poll_s, owners
        self._looked = float("-inf")
        self._jobs: dict[tuple[str, str, int], list[Job]] = {}
        self._ids: dict[tuple[str, str], str] = {}

    @property
    def due(self) -> bool:
        """Whether the next look is a new one."""
        return time.monotonic() - self._looked >= self._poll

    def look(self) -> None:
        """Look again, unless that was just now. Raises EngineProblem: then nothing may be concluded."""
        if not self.due:
            return
        jobs: dict[tuple[str, str, int], list[Job]] = {}
        ids: dict[tuple[str, str], str] = {}
        for job in self.transport.jobs():
            user = job.user if self._owners else ""
            jobs.setdefault((user, job.name, job.place), []).append(job)
            ids[user, job.name] = job.id.partition("_")[0]
        self._jobs, self._ids = jobs, ids
        self._looked = time.monotonic()

    def stale(self) -> None:
        """Something was asked for: the next look is a new one."""
        self._looked = float("-inf")

    def id_of(self, entry: Entry) -> str:
        """Slurm's id of the job that an attempt is in, or empty."""
        return self._ids.get((self._user(entry), entry.name), "")

    def living(self, entry: Entry) -> list[str]:
        """The ids of what lives under an attempt's name and place: more than one if sbatch was heard twice."""
        return [job.id for job in self._jobs.get((self._user(entry), entry.name, entry.place), []) if not job.ended]

    def others(self, known: Iterable[Entry]) -> set[str]:
        """The names of what waits or runs beside these attempts."""
        mine = {(entry.name, entry.place) for entry in known}
        return {
            job.name for jobs in self._jobs.values() for job in jobs
            if job.state in ("PENDING", "RUNNING") and (job.name, job.place) not in mine
        }  # fmt: skip

    def find(self, entry: Entry, spool: Spool) -> Job | None:
        """The job of an attempt: of several under its name the one that claimed the token, then one that lives."""
        found = self._jobs.get((self._user(entry), entry.name, entry.place), [])
        if len(found) < 2:
            return found[0] if found else None
        claimed = spool.note(entry.token, entry.user).job
        return max(found, key=lambda job: (job.raw == claimed, not job.ended, job.submitted_ms))

    def _user(self, entry: Entry) -> str:
        return number(entry.user) if self._owners else ""


@cache
def number(user: str) -> str:
    """A user's number. Raises EngineProblem when the system knows none now: of their jobs nothing can be concluded."""
    try:
        return str(pwd.getpwnam(user).pw_uid)
    except KeyError:
        raise EngineProblem("engine slurm", f"this machine knows no user {user} now", "see `getent passwd`") from None
