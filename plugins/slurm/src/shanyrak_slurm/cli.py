"""Slurm through its programs: sbatch, squeue, scancel, sinfo, each with an explicit format."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

from shanyrak.api import EngineProblem

from shanyrak_slurm import times
from shanyrak_slurm.calls import FIX, Declined, Slurm
from shanyrak_slurm.jobs import Host, Job, Order, status_of
from shanyrak_slurm.settings import Settings

END = "\x1f"
"""What ends each field. A job's name is its owner's text and may hold this, too, and newlines: it stands last, and is
ended by what nobody could know beforehand."""
JOB_FIELDS = (
    "ArrayJobID", "ArrayTaskID", "JobID", "UserID", "State", "Reason", "exit_code",
    "SubmitTime", "StartTime", "EndTime", "TimeUsed", "BatchHost",
)  # fmt: skip
HOST_FIELDS = ("NodeList", "StateLong", "CPUs", "Memory", "Gres", "Reason")
GONE = ("Invalid job id", "already completing", "already completed", "Invalid job array")


class Cli:
    """`Transport` over the programs."""

    def __init__(self, settings: Settings) -> None:
        self.slurm = Slurm(settings)
        self._mine = settings.act_as == "self"

    def submit(self, order: Order) -> str:
        arguments = [f"--{name}" if value is None else f"--{name}={value}" for name, value in order.options.items()]
        if order.user:
            arguments.append(f"--uid={order.user}")
        text = self.slurm.run(
            "sbatch", "--parsable", "--export=ALL", *arguments, stdin=order.script, more=order.secrets
        )
        return text.strip().partition(";")[0]

    def jobs(self) -> Sequence[Job]:
        arguments = [f"--user={os.geteuid()}"] if self._mine else []
        last = END + secrets.token_hex(8)
        wanted = f"{_format(JOB_FIELDS)},Name:{last}"
        return read_jobs(self.slurm.run("squeue", "-h", "-a", "-t", "all", "-O", wanted, *arguments), last)

    def cancel(self, name: str, ids: Sequence[str]) -> None:
        try:
            self.slurm.run("scancel", f"--name={name}", *ids)
        except Declined as problem:
            if not any(words in problem.said for words in GONE):
                raise

    def hosts(self, partition: str) -> Sequence[Host]:
        arguments = [f"--partition={partition}"] if partition else []
        return read_hosts(self.slurm.run("sinfo", "-h", "-N", "-O", _format(HOST_FIELDS), *arguments))


def _format(fields: Sequence[str]) -> str:
    return ",".join(f"{field}:{END}" for field in fields)


def read_jobs(text: str, last: str) -> list[Job]:
    """Jobs from squeue's records, each ended by `last`. Raises EngineProblem for records that are none."""
    try:
        return _read_jobs(text, last)
    except ValueError:
        raise EngineProblem("Slurm's squeue", "it prints what is not understood", FIX) from None


def _read_jobs(text: str, last: str) -> list[Job]:
    found = []
    *records, rest = text.split(f"{last}\n")
    if rest:
        raise ValueError(rest)
    for record in records:
        array, place, id_, user, state, reason, status, submitted, started, ended, used, node, name = record.split(
            END, len(JOB_FIELDS)
        )
        facts = (
            name, state, reason, status_of(status), times.ms(submitted), times.ms(started),
            times.ms(ended), times.duration(used), "" if node == "n/a" else node, id_, user,
        )  # fmt: skip
        if place == "N/A":
            found.append(Job(id_, -1, *facts))
        else:  # tasks that wait are one line
            found += [Job(f"{array}_{number}", number, *facts) for number in times.places(place)]
    return found


def read_hosts(text: str) -> list[Host]:
    """Nodes from sinfo's lines, each once. Raises EngineProblem for lines that are none."""
    found: dict[str, Host] = {}
    try:
        for line in text.split(f"{END}\n")[:-1]:
            name, state, cpus, memory, gres, reason = line.split(END)
            found[name] = Host(
                name, state, int(cpus), int(memory) << 20, gpus(gres), "" if reason == "none" else reason
            )
    except ValueError:
        raise EngineProblem("Slurm's sinfo", "it prints what is not understood", FIX) from None
    return list(found.values())


def gpus(gres: str) -> int:
    """GPUs in `gpu:h200:8(S:0-1),nic:2`."""
    total = 0
    for part in gres.split(","):
        name, *more = part.partition("(")[0].split(":")
        if name == "gpu" and more and more[-1].isdigit():
            total += int(more[-1])
    return total
