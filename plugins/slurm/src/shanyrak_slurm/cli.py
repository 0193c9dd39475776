"""Slurm through its programs: sbatch, squeue, scancel, sinfo, each with an explicit format."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shanyrak_slurm import times
from shanyrak_slurm.calls import Declined, Slurm
from shanyrak_slurm.jobs import Host, Job, Order
from shanyrak_slurm.settings import Settings

END = "\x1f"
"""What ends each field: no name of a job has it."""
JOB_FIELDS = (
    "ArrayJobID", "ArrayTaskID", "JobID", "Name", "State", "Reason", "exit_code",
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

    def jobs(self, name: str = "") -> Sequence[Job]:
        arguments = [f"--name={name}"] if name else []
        if self._mine:
            arguments.append(f"--user={os.geteuid()}")
        return read_jobs(self.slurm.run("squeue", "-h", "-a", "-t", "all", "-O", _format(JOB_FIELDS), *arguments))

    def cancel(self, name: str, ids: Sequence[str], user: str = "") -> None:
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


def read_jobs(text: str) -> list[Job]:
    """Jobs from squeue's lines. Raises ValueError for lines that are none."""
    found = []
    for line in text.split("\n")[:-1]:
        array, place, id_, name, state, reason, status, submitted, started, ended, used, node, _ = line.split(END)
        facts = (
            name, state, reason, int(status) if status.isdigit() else 0, times.ms(submitted), times.ms(started),
            times.ms(ended), times.duration(used), "" if node == "n/a" else node, id_,
        )  # fmt: skip
        if place == "N/A":
            found.append(Job(id_, -1, *facts))
        else:  # tasks that wait are one line
            found += [Job(f"{array}_{number}", number, *facts) for number in times.places(place)]
    return found


def read_hosts(text: str) -> list[Host]:
    """Nodes from sinfo's lines, each once."""
    found: dict[str, Host] = {}
    for line in text.split("\n")[:-1]:
        name, state, cpus, memory, gres, reason, _ = line.split(END)
        found[name] = Host(name, state, int(cpus), int(memory) << 20, gpus(gres), "" if reason == "none" else reason)
    return list(found.values())


def gpus(gres: str) -> int:
    """GPUs in `gpu:h200:8(S:0-1),nic:2`."""
    total = 0
    for part in gres.split(","):
        name, *more = part.partition("(")[0].split(":")
        if name == "gpu" and more and more[-1].isdigit():
            total += int(more[-1])
    return total
