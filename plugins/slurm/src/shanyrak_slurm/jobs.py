"""Jobs as Slurm shows them, and what their states mean here. Times are ms since the epoch, 0: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from shanyrak.api import Seen

PENDING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD"})
RUNNING = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"})
CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "COMPLETED": "",
        "FAILED": "",
        "TIMEOUT": "walltime",
        "DEADLINE": "walltime",
        "OUT_OF_MEMORY": "memory",
        "CANCELLED": "stopped",
        "NODE_FAIL": "node",
        "BOOT_FAIL": "node",
        "PREEMPTED": "node",
        "REVOKED": "node",
    }
)
"""The states that are an end, and the cause of the end (see `api.Seen`)."""
HEALTHY = frozenset(
    ["idle", "mixed", "mix", "allocated", "alloc", "completing", "comp", "reserved", "resv", "planned", "plnd"]
)
"""States of nodes that take work, now or when there is room."""
TWICE = frozenset({"Duplicate jobid", "batch job complete failure"})
"""Reasons for which Slurm drains a node that a slurmctld, come back without its newest jobs, gave a number that runs there.
The second is what 20.11 says."""
NEVER_FITS = frozenset({"BadConstraints", "PartitionNodeLimit", "PartitionTimeLimit", "PartitionConfig"})
"""Reasons for which a job waits, or failed, that no waiting changes."""
NODES_FAULT = ("JobLaunchFailure", "SystemFailure", "Prolog", "RaisedSignal")
"""How the reasons begin for which a job failed on its node, and not its work, whose end our script outlives: that a signal
ended the script is the first to Slurm 22.05, the last (`RaisedSignal:9(Killed)`) to 24.11."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job, or one task of an array. `id` is what scancel takes; `place` is -1 outside arrays."""

    id: str
    place: int
    name: str
    state: str
    reason: str = ""
    status: int = 0
    """As from wait(2)."""
    submitted_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    used_ms: int = 0
    """How long it has run by slurmctld's own clock."""
    node: str = ""
    """Where its script runs."""
    raw: str = ""
    """The id that its script has as SLURM_JOB_ID; empty for tasks of an array that wait."""
    user: str = ""
    """Who it runs as: a number (uid) from squeue, a name from sacct."""

    @property
    def ended(self) -> bool:
        return self.state in CAUSES


@dataclass(frozen=True, slots=True)
class Host:
    """One of Slurm's nodes."""

    name: str
    state: str
    cpus: int
    memory: int
    gpus: int
    reason: str = ""

    @property
    def answers(self) -> bool:
        """Whether its slurmd does: then it has ended what slurmctld does not know."""
        return "*" not in self.state and not self.state.lower().startswith(
            ("down", "unknown", "fail", "error", "power")
        )

    @property
    def up(self) -> bool:
        """Whether work can start there: known states of health, and it answers. A node that sleeps is woken by Slurm."""
        words = self.state.lower().rstrip("-~#+").split("+")
        return all(word in HEALTHY for word in words)


@dataclass(frozen=True, slots=True)
class Order:
    """One call of sbatch: its options as long names without dashes (None: a flag), the script, what is secret in it."""

    name: str
    options: Mapping[str, str | None]
    script: str
    secrets: Mapping[str, str]
    user: str = ""
    """Who it runs as; empty: who submits it."""


class Transport(Protocol):
    """A way to speak with slurmctld. Each call raises Unreachable, Declined or another EngineProblem."""

    def submit(self, order: Order) -> str:
        """Submit it; gives Slurm's id."""
        ...

    def jobs(self) -> Sequence[Job]:
        """All jobs that slurmctld remembers, in one call; of an array each task."""
        ...

    def cancel(self, name: str, ids: Sequence[str]) -> None:
        """End these jobs, if they have that name: an id alone may be another's by now. Gone ones are no error."""
        ...

    def hosts(self, partition: str) -> Sequence[Host]:
        """The nodes of a partition (empty: the default one)."""
        ...


def seen(token: str, job: Job, walltime_ms: int = 0) -> Seen:
    """What a job says of its attempt. `walltime_ms`: it was ended because it ran so long."""
    if job.state in PENDING:
        return Seen(token, "pending", words=f"Slurm: {job.reason or job.state}")
    if job.state in RUNNING:
        return Seen(token, "running", started_ms=job.started_ms)
    if not job.ended:
        return Seen(token, "unknown", words=f"Slurm says {job.state} ({job.reason})")
    cause = "walltime" if walltime_ms and job.state == "CANCELLED" else CAUSES[job.state]
    ran = max(0, job.ended_ms - job.started_ms) if job.started_ms else 0
    if cause == "walltime":
        ran = max(ran, walltime_ms)
    code, signal = exit_of(job.status)
    words = f"Slurm: {job.state}" + (f" ({job.reason})" if job.reason not in ("", "None") else "")
    if job.state == "FAILED" and job.reason in NEVER_FITS:
        cause = "launch"
    elif job.state == "FAILED" and job.reason.startswith(NODES_FAULT):
        cause = "node"
    return Seen(
        token, "ended", started_ms=job.started_ms if ran or job.node else 0, ended_ms=job.ended_ms, ran_ms=ran,
        exit_code=code if not cause else None, signal=signal if not cause else 0, cause=cause,
        words=words if cause else "", fenced=True,
    )  # fmt: skip


def status_of(text: str) -> int:
    """The wait status that Slurm prints: as such, or as `code:signal`. Raises ValueError for anything else."""
    code, colon, signal = text.partition(":")
    return (int(code) << 8) + int(signal) if colon else int(code)


def exit_of(status: int) -> tuple[int | None, int]:
    """(exit code, signal) of a wait status. A code above 128 is a signal, as every shell says it."""
    signal, code = status & 0x7F, status >> 8 & 0xFF
    if signal:
        return None, signal
    return (None, code - 128) if 128 < code <= 192 else (code, 0)
