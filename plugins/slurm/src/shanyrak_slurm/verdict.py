"""What became of an attempt: from Slurm's record of it, else from sacct, else from the job's own notes.

Why a job may be missing: slurmctld forgets ended jobs after MinJobAge; it lost the newest ones when it died; sbatch never
reached it. A job that it has lost may still run, until its node next registers and ends what slurmctld does not know.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from shanyrak.api import EngineProblem, Seen

from shanyrak_slurm import past, script, times
from shanyrak_slurm.book import Entry
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.jobs import Host, Job, seen
from shanyrak_slurm.notes import Note, Spool

log = logging.getLogger("shanyrak.slurm")

DOUBT_MS = 6_000
"""slurmctld may lose what it accepted in the last five seconds before it died."""
ORPHAN_MS = 30_000
"""How long after slurmctld lost it a job's node has ended it, if the node answers."""
TERMINATED = 128 + 15
"""The code of work that was ended by SIGTERM, as a shell gives it."""
RESTARTED = "Slurm's controller restarted, and ended it"
RESTART_MS = 60_000
"""How long after its start slurmctld may still find out that jobs ran which it did not know of."""


class Verdict:
    """Judges single attempts of one engine."""

    def __init__(self, slurm: Slurm, spool: Spool, host: Callable[[str], Host | None]) -> None:
        self._slurm, self._spool, self._host = slurm, spool, host

    def of_job(self, entry: Entry, job: Job) -> Seen:
        """What lives."""
        return seen(entry.token, job, entry.walltime_ms if entry.over else 0)

    def of_end(self, entry: Entry, job: Job) -> Seen | None:
        """Slurm's record of an end, beside the job's own notes; None when the record is not of the run that claimed the token.

        A slurmctld that comes back with an old state starts jobs again that ran already: the claim turns them away, or
        slurmd does and has them cancelled. Of the run that counts the notes tell then.
        """
        end = self.of_job(entry, job)
        if job.state not in ("COMPLETED", "FAILED", "CANCELLED"):
            return end
        note = self._spool.note(entry.token, entry.user)
        if note.launch:
            return replace(end, exit_code=None, signal=0, cause="launch", words=note.launch)
        if not note.job and not note.given_up and end.cause != "stopped":
            words = f"its script could not write to {self._spool.folder} on {job.node or 'its node'}"
            return end if end.cause else replace(end, exit_code=None, signal=0, cause="node", words=words)
        turned_away = end.exit_code == script.TURNED_AWAY and note.code != script.TURNED_AWAY
        if turned_away or 0 < note.began_ms < job.started_ms:
            return self.of_note(entry, note) if note.ended_ms else None
        if end.cause != "stopped" or entry.stopped:
            return end
        if note.ended_ms and note.code != TERMINATED:
            return self.of_note(entry, note)  # it had ended by itself
        if self._restarted(job):
            return replace(end, cause="node", words=RESTARTED)
        return end

    def of_note(self, entry: Entry, note: Note) -> Seen:
        """The end that the job itself noted. SIGTERM is Slurm's: asked for by us, or of a job that it had lost."""
        end = note.seen(entry.token)
        if note.launch or note.code != TERMINATED:
            return end
        cause = "walltime" if entry.over else "stopped" if entry.stopped else "node"
        return replace(end, exit_code=None, signal=0, cause=cause, words=RESTARTED if cause == "node" else "")

    def of_ghost(self, entry: Entry, job: Job) -> Seen | None:
        """The end of an attempt that Slurm shows as running, when its notes say otherwise: slurmctld was dead meanwhile, and missed
        its end, or that its node never heard of it. Ask twice, some time apart, before it is believed."""
        note = self._spool.note(entry.token, entry.user)
        if note.ended_ms:
            return self.of_note(entry, note)
        if not note.claimed and 0 < job.started_ms < self._booted_ms():
            return Seen(
                entry.token, "absent", words="Slurm's controller restarted, and its node never started it", fenced=True
            )
        return None

    def _restarted(self, job: Job) -> bool:
        """Whether slurmctld had come back shortly before this end, with what it knew some seconds earlier."""
        return 0 <= job.ended_ms - self._booted_ms() < RESTART_MS

    def _booted_ms(self) -> int:
        """Since when slurmctld lives; raises EngineProblem when it cannot be asked: then nothing is concluded yet."""
        said = re.search(r"BOOT_TIME\s*=\s*(\S+)", self._slurm.run("scontrol", "show", "config"))
        return times.ms(said[1]) if said else 0

    def _forgotten(self, entries: Sequence[Entry]) -> dict[tuple[str, str, int], list[Job]]:
        """sacct's records of these, in one call; none when it fails: then the notes tell, which need nobody."""
        names, users = sorted({entry.name for entry in entries}), sorted({entry.user for entry in entries})
        found: dict[tuple[str, str, int], list[Job]] = {}
        try:
            for job in past.find(self._slurm, names, users, min(entry.asked_ms for entry in entries)):
                found.setdefault((job.user, job.name, job.place), []).append(job)
        except EngineProblem as problem:
            log.warning("%s", problem)
        return found

    def of_silence(self, entry: Entry, now_ms: int) -> Seen:
        """What is said of an attempt that Slurm does not show, until there is a verdict."""
        if 0 <= now_ms - entry.asked_ms < DOUBT_MS:
            return Seen(entry.token, "pending", words="Slurm was asked for it, and does not show it yet")
        note = self._spool.note(entry.token, entry.user)
        if note.lives:
            return Seen(entry.token, "running", started_ms=note.began_ms, words="Slurm has lost it, and it runs")
        return Seen(entry.token, "unknown", words="Slurm shows nothing of it")

    def of_missing(self, entries: Sequence[Entry], now_ms: int) -> list[Seen]:
        """The ends of those among these attempts, which Slurm does not show, that there is evidence of."""
        due = [
            entry
            for entry in entries
            if not 0 <= now_ms - entry.asked_ms < DOUBT_MS and 0 < entry.missed_ms <= now_ms - DOUBT_MS
        ]
        if not due:
            return []
        forgotten = self._forgotten(due)
        ends = [self._of_lost(entry, forgotten.get((entry.user, entry.name, entry.place), []), now_ms) for entry in due]
        return [end for end in ends if end is not None]

    def _of_lost(self, entry: Entry, records: Sequence[Job], now_ms: int) -> Seen | None:
        """The end of an attempt by its records in sacct, else by its notes; None while there is no evidence for one."""
        for job in records:
            if job.ended and (end := self.of_end(entry, job)):
                return end
        note = self._spool.note(entry.token, entry.user)
        if note.ended_ms or note.launch:
            return self.of_note(entry, note)
        if not note.claimed or note.given_up:
            if self._spool.give_up(entry.token, entry.user):
                return Seen(entry.token, "absent", words="Slurm lost it before it started", fenced=True)
            return None  # it started just now
        if note.lives or now_ms - entry.missed_ms < ORPHAN_MS:
            return None
        if not note.job:
            words = "Slurm lost it before its command started"
            return Seen(entry.token, "absent", words=words, fenced=note.lives is False)
        host = self._host(note.node)
        if host is None or not host.answers:
            return None
        # Its lock is free, so its script is dead; where files cannot be locked, nobody can say so.
        fenced = note.lives is False
        return Seen(
            entry.token, "absent", words=f"Slurm lost it while it ran on {note.node}, which ended it", fenced=fenced
        )
