"""Jobs as sacct tells of them, in all versions the same: explicit fields, times in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shanyrak.api import EngineProblem

from shanyrak_slurm import times
from shanyrak_slurm.calls import Slurm

FIELDS = (
    "Cluster", "JobID", "JobIDRaw", "Account", "User", "Partition", "State", "Submit", "Start", "End", "ElapsedRaw",
    "TimelimitRaw", "NNodes", "AllocCPUS", "AllocTRES",
)  # fmt: skip
"""No text that a user writes is among them: a name may hold ends of lines and of fields, and so whole jobs."""
OWN = re.compile(r"(\d+)\|(s[0-9a-f]{8}\.\d+\.\d+\.\d+)")
"""A job that may be one of this site's attempts: its number, and the token that is its name."""
SPAN_MS = 7 * 86_400_000
"""How much of the past the first call asks for: a whole year at once is too much for some sites' database."""
FEW = 2_000
"""After a call that gave fewer jobs the next one asks for four times as much of the past, else for a fourth."""
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Past:
    """One allocation. `job` is its identity: a number alone is used again after slurmctld has lost its state."""

    cluster: str
    job: str
    label: str
    account: str
    user: str
    partition: str
    state: str
    submitted_ms: int
    started_ms: int
    ended_ms: int
    ran_ms: int
    limit_ms: int
    nodes: int
    cpus: int
    gpus: int
    allocated: bool
    token: str = ""
    """Of an attempt, when it has such a name."""

    @property
    def ran(self) -> bool:
        """It was given nodes at all: of one that was cancelled before, some versions tell a start, and none an allocation."""
        return self.allocated and 0 < self.started_ms <= self.ended_ms and self.nodes > 0


def jobs(slurm: Slurm, since_ms: int, until_ms: int) -> Iterator[Past]:
    """Every job that was there between the two times, once, however many of the calls show it. Raises EngineProblem."""
    seen: set[str] = set()
    length = SPAN_MS
    while since_ms < until_ms:
        end = min(since_ms + length, until_ms)
        span = (f"--starttime={_stamp(since_ms)}", f"--endtime={_stamp(end)}")
        names = own(_call(slurm, *span, "--format=JobIDRaw,JobName"))
        found = list(read(_call(slurm, *span, f"--format={','.join(FIELDS)}")))
        for job in found:
            if job.job not in seen:
                seen.add(job.job)
                yield replace(job, token=names.get(job.job.partition("@")[0], ""))
        since_ms = end
        length = length * 4 if len(found) < FEW else max(SPAN_MS // 64, length // 4)


def _call(slurm: Slurm, *arguments: str) -> str:
    return slurm.run("sacct", "-n", "-P", "-X", "-D", "--allusers", *arguments, timeout=PATIENCE_S)


def own(text: str) -> dict[str, str]:
    """Token by number, of the jobs that are named as this site's attempts are."""
    found = (OWN.fullmatch(line) for line in text.splitlines())
    return {one[1]: one[2] for one in found if one}


def read(text: str) -> Iterator[Past]:
    """Jobs from what sacct printed. Raises EngineProblem for a line that is none."""
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) != len(FIELDS):
            raise EngineProblem(
                "Slurm's sacct", f"it printed {len(parts)} fields in place of {len(FIELDS)}: {line[:200]!r}"
            )
        it = dict(zip(FIELDS, parts, strict=True))
        submitted, started, ended = (times.ms(it[name]) for name in ("Submit", "Start", "End"))
        yield Past(
            cluster=it["Cluster"], job=f"{it['JobIDRaw']}@{submitted // 1000}", label=it["JobID"], account=it["Account"],
            user=it["User"], partition=it["Partition"], state=(it["State"].split() or [""])[0].rstrip("+"),
            submitted_ms=submitted, started_ms=started, ended_ms=ended, ran_ms=_number(it["ElapsedRaw"]) * 1000,
            limit_ms=_number(it["TimelimitRaw"]) * 60_000, nodes=_number(it["NNodes"]), cpus=_number(it["AllocCPUS"]),
            gpus=gpus(it["AllocTRES"]), allocated=bool(it["AllocTRES"]),
        )  # fmt: skip


def gpus(tres: str) -> int:
    """GPUs of `billing=8,cpu=8,gres/gpu:h200=4,gres/gpu=4`: all of them, else the sum of those by type."""
    total = typed = 0
    for part in tres.split(","):
        name, _, count = part.partition("=")
        if name == "gres/gpu":
            total = _number(count)
        elif name.startswith("gres/gpu:"):
            typed += _number(count)
    return total or typed


def _number(text: str) -> int:
    """0 for UNLIMITED, Partition_Limit and nothing at all."""
    return int(text) if text.isdigit() else 0


def _stamp(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
