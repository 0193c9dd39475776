"""The lease: at most one controller acts. Every act checks the epoch in its own transaction."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from shanyrak.errors import UnfitProblem
from shanyrak.journal import points
from shanyrak.journal.journal import Journal, Writer
from shanyrak.journal.store import Rows

SILENCE_S = 10.0
"""A holder of whom nothing is known is replaced after this long without a heartbeat."""
HEARTBEAT_S = 2.0
WATCH_S = 0.2
"""Between two looks at a holder of whom nothing is known."""


class LeaseLost(UnfitProblem):
    """Another controller has taken over: this one must not act any more."""

    def __init__(self) -> None:
        super().__init__("this controller", "another one has taken over, so it stops; its work goes on there")


class Holder(NamedTuple):
    """Who holds the lease: enough to tell a dead process from a live one, and a reused pid from the real one.

    `boot` is where a pid and a start time mean this one process: one boot of one kernel, one pid and one time namespace.
    Empty where /proc does not show this process under its own pid. `host` is what people call it.
    """

    host: str
    boot: str
    pid: int
    started: str


def myself() -> Holder:
    """This process as a holder."""
    return Holder(socket.gethostname(), _here(), os.getpid(), _start_time(os.getpid())[0])


def _here() -> str:
    kernel = _read("/proc/sys/kernel/random/boot_id")
    spaces = [_target(f"/proc/self/ns/{kind}") for kind in ("pid", "time")]  # an older Linux has one time for all
    return " ".join([kernel, *spaces]) if kernel and spaces[0] and _target("/proc/self") == str(os.getpid()) else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _target(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""


def _start_time(pid: int) -> tuple[str, str]:
    """Start time (clock ticks since boot) and state letter of a process; empty when none is seen."""
    stat = _read(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    return (fields[19], fields[0]) if len(fields) > 19 else ("", "")


def judge(holder: Holder, me: Holder) -> str:
    """`dead` (provably), `live`, or `unknown`: where pids mean something else than here, or a process that is stopped or hidden.

    Another boot under the same host name proves nothing: containers and copied machines share names, and a journal may be
    reached from several.
    """
    if (holder.host, holder.boot) != (me.host, me.boot) or not me.boot:
        return "unknown"
    started, state = _start_time(holder.pid)
    if not started:
        return "unknown" if _exists(holder.pid) else "dead"
    if started != holder.started or state in ("Z", "X"):
        return "dead"
    return "unknown" if state in ("T", "t") else "live"


def _exists(pid: int) -> bool:
    """Whether there is such a process, also where /proc hides those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


class Lease:
    """A lease that this process holds."""

    def __init__(self, journal: Journal, epoch: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._journal, self.epoch, self._monotonic = journal, epoch, monotonic
        self._beat = monotonic()

    def check(self, rows: Rows) -> None:
        """Raise LeaseLost unless this lease is the newest and still held. Call it inside the transaction of an act."""
        found = rows.one("SELECT epoch, held FROM lease")
        if found is None or (found[0], found[1]) != (self.epoch, 1):
            raise LeaseLost

    def heartbeat(self) -> None:
        """Say that we live, every two seconds."""
        if self._monotonic() - self._beat >= HEARTBEAT_S:
            with self._journal.store.write() as rows:
                self.check(rows)
                _pulse(rows)
            self._beat = self._monotonic()

    def leave(self, actor: str) -> None:
        """Give it back at a clean end."""
        with self._journal.write(actor) as writer:
            self.check(writer.rows)
            writer.append("lease.left", "controller", {"epoch": self.epoch})
        points.reached("leave.after")


class Watch:
    """Whether the holder of a lease lives: by its process on this machine, else by whether its pulse still beats."""

    def __init__(self) -> None:
        self.me = myself()
        self._begun, self._first = time.monotonic(), -1

    def free(self, rows: Rows) -> bool:
        """True when nobody holds it who may live; False when that is not known yet. UnfitProblem (exit 6) for a live one."""
        found = rows.one("SELECT host, boot, pid, started FROM lease WHERE held = 1")
        if found is None:
            return True
        holder, pulse = Holder(*found), _read_pulse(rows)
        verdict = judge(holder, self.me)
        self._first = pulse if self._first < 0 else self._first
        if verdict == "live" or (verdict == "unknown" and pulse != self._first):
            raise UnfitProblem(
                "the controller",
                f"one is already running (pid {holder.pid} on {holder.host})",
                "use it, or end it first",
            )
        return verdict == "dead" or time.monotonic() - self._begun >= SILENCE_S


def take(journal: Journal, actor: str) -> Lease:
    """Become the controller. Raises UnfitProblem (exit 6) when a live one exists."""
    watch = Watch()
    while True:
        with journal.write(actor) as writer:
            epoch = _take(writer, watch.me) if watch.free(writer.rows) else 0
        if epoch:
            points.reached("lease.after")
            return Lease(journal, epoch)
        time.sleep(WATCH_S)


def _take(writer: Writer, me: Holder) -> int:
    """Write that we hold it; gives the epoch."""
    newest = writer.rows.one("SELECT COALESCE(MAX(epoch), 0) FROM lease") or (0,)
    epoch = int(newest[0]) + 1
    writer.append("lease.taken", "controller", {"epoch": epoch, **me._asdict()})
    _pulse(writer.rows)
    return epoch


def _pulse(rows: Rows) -> None:
    rows.run("INSERT INTO pulse VALUES ('lease', 1) ON CONFLICT (name) DO UPDATE SET value = pulse.value + 1")


def _read_pulse(rows: Rows) -> int:
    found = rows.one("SELECT value FROM pulse WHERE name = 'lease'")
    return int(found[0]) if found else 0
