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
from shanyrak_slurm.notes import Spool
from shanyrak_slurm.written import Note

log = logging.getLogger("shanyrak.slurm")

DOUBT_MS = 6_000
"""slurmctld may lose what it accepted in the last five seconds before it died."""
ORPHAN_MS = 30_000
"""How long after slurmctld lost it a job's node has ended it, if the node answers."""
TERMINATED = 128 + 15
"""The code of work that was ended by SIGTERM, as a shell gives it."""
KILLED = 128 + 9
"""The same of SIGKILL."""
HEARSAY = frozenset({"COMPLETED", "FAILED", "CANCELLED", "OUT_OF_MEMORY"})
"""Ends that slurmctld hears of from nodes, which know jobs by their number alone."""
SECOND_MS = 1_000
RESTARTED = "Slurm's controller restarted, and ended it"
RESTART_MS = 60_000
"""How long after its start slurmctld may still find out that jobs ran which it did not know of."""


class Verdict:
    """Judges single attempts of one engine."""

    def __init__(self, slurm: Slurm, spool: Spool, host: Callable[[str], Host | None]) -> None:
        self._slurm, self._spool, self._host = slurm, spool, host
        self._locking: set[str] = set()
        """Nodes of which a held lock was seen: of others a free one proves nothing, their locks may never come here."""
        self._booted: int | None = None

    def begin(self) -> None:
        """A new round: what slurmctld said of itself before counts no more."""
        self._booted = None

    def of_job(self, entry: Entry, job: Job) -> Seen:
        """What lives."""
        return seen(entry.token, job, entry.walltime_ms if entry.over else 0)

    def of_end(self, entry: Entry, job: Job) -> Seen | None:
        """Slurm's record of an end, beside the job's own notes; None when the record is not of the run that claimed the token.

        A slurmctld that comes back with an old state starts jobs again that ran already: the claim turns them away, or
        slurmd does and has them ended. It also gives the numbers of lost jobs again, and takes what a node says of the old
        one for the new one's end. Of the run that counts the notes tell then.
        """
        end = self.of_job(entry, job)
        note = self._spool.note(entry.token, entry.user)
        if note.launch:
            return replace(end, exit_code=None, signal=0, cause="launch", words=note.launch)
        if note.ended_ms and _notes_tell(entry, job, note):
            return self.of_note(entry, note)
        if note.job and note.job != job.raw:
            return None
        if job.state not in HEARSAY or (end.cause == "stopped" and entry.stopped):
            return _exact(end, note)
        if not note.job:
            return self._of_unbegun(entry, job, end, note)
        if not note.ended_ms and (note.lives or _another(job, note)):
            return None
        end = _exact(end, note)
        if end.cause == "walltime" or (note.ended_ms and end.cause != "stopped"):
            return end
        return self._unless_restarted(job, end)

    def _of_unbegun(self, entry: Entry, job: Job, end: Seen, note: Note) -> Seen | None:
        """A record of an end of what noted no beginning: nothing ran. None when something may be about to run."""
        if note.given_up or note.lives or not self.closed(entry):
            return None
        if end.cause in ("launch", "walltime", "node"):
            return end
        words = f"its script could not write to {self._spool.folder} on {job.node or 'its node'}"
        if not end.cause:
            end = replace(end, exit_code=None, signal=0, cause="node", words=words)
        return self._unless_restarted(job, end)

    def closed(self, entry: Entry) -> bool:
        """Whether nothing begins any more under a token of which no beginning was noted when it was last read; False: it began
        just now."""
        if self._spool.give_up(entry.token, entry.user) or self._spool.seal(entry.token, entry.user):
            return True
        return not self._spool.note(entry.token, entry.user).job

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
        if note.lives:
            self._locking.add(note.node)
            return None
        dead = note.lives is False and note.node in self._locking
        if job.state != "RUNNING" or (note.job and not dead) or not 0 < job.started_ms < self._booted_ms():
            return None
        words = f"nothing of it runs on {note.node}" if note.job else "its node never started it"
        return Seen(
            entry.token, "absent", note.began_ms, words=f"Slurm's controller restarted, and {words}", fenced=True
        )

    def _unless_restarted(self, job: Job, end: Seen) -> Seen:
        """That end, unless slurmctld had come back shortly before it, with what it knew some seconds earlier; or shortly after it:
        when that was so the time before, nobody knows."""
        if abs(job.ended_ms - self._booted_ms()) >= RESTART_MS:
            return end
        return replace(end, exit_code=None, signal=0, cause="node", words=RESTARTED)

    def _booted_ms(self) -> int:
        """Since when slurmctld lives, asked once a round; raises EngineProblem when it cannot be: then nothing is concluded yet."""
        if self._booted is None:
            said = re.search(r"BOOT_TIME\s*=\s*(\S+)", self._slurm.run("scontrol", "show", "config"))
            self._booted = times.ms(said[1]) if said else 0
        return self._booted

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
            sealed = self._spool.seal(entry.token, entry.user)
            return Seen(entry.token, "absent", words=words, fenced=sealed or note.lives is False)
        host = self._host(note.node)
        if host is None or not host.answers:
            return None
        # Its lock is free, so its script is dead; where files cannot be locked, nobody can say so.
        fenced = note.lives is False
        return Seen(
            entry.token, "absent", words=f"Slurm lost it while it ran on {note.node}, which ended it", fenced=fenced
        )


def _exact(end: Seen, note: Note) -> Seen:
    """That end, with the part of a second that its script measured: Slurm's times are whole seconds, and what began and ended
    within one would have run for none. Never less than Slurm's: whose work it was can write in the notes."""
    return replace(end, ran_ms=max(end.ran_ms, min(note.ran_ms, end.ran_ms + SECOND_MS - 1)))


def _another(job: Job, note: Note) -> bool:
    """Whether Slurm's record is of another start than the one that claimed the token."""
    if note.job != job.raw or (job.status >> 8 == script.TURNED_AWAY and note.code != script.TURNED_AWAY):
        return True
    if note.start_ms:
        return note.start_ms + 1_000 < job.started_ms
    # The clocks of two machines: there is nothing better where Slurm does not tell jobs their start.
    return 0 < note.began_ms < job.started_ms


def _notes_tell(entry: Entry, job: Job, note: Note) -> bool:
    """Whether the script's own note of its end tells, and not Slurm's record."""
    if job.state in HEARSAY and _another(job, note):
        return True
    if job.state in ("COMPLETED", "FAILED"):
        return job.status != note.code << 8
    if job.state == "TIMEOUT" or (job.state == "CANCELLED" and entry.over):
        # It was over, and slurmctld did not know. What was ended was ended for its walltime, whatever its node's clock says.
        return note.code not in (TERMINATED, KILLED) and note.ended_ms < job.started_ms + entry.walltime_ms
    if job.state == "CANCELLED":
        return not entry.stopped and note.code != TERMINATED
    return note.job != job.raw or (job.state == "NODE_FAIL" and note.code == 0)
