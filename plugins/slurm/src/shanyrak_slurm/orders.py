"""From launches to calls of sbatch: those that are alike but for task and token go out as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shanyrak.api import Launch

from shanyrak_slurm import script, times
from shanyrak_slurm.jobs import Order
from shanyrak_slurm.settings import PoolSettings

MOST = 1000
"""Tasks of one array: Slurm's own default limit (MaxArraySize) is 1001, and counts from 0."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Launches that one call of sbatch asks for. Its name is the token of the first."""

    launches: tuple[Launch, ...]

    @property
    def name(self) -> str:
        return self.launches[0].token

    @property
    def array(self) -> bool:
        return len(self.launches) > 1

    def attempts(self) -> list[tuple[str, int, int]]:
        """(token, place, walltime) of each."""
        return [(one.token, place if self.array else -1, one.walltime_ms) for place, one in enumerate(self.launches)]


def batches(launches: Sequence[Launch], pool: PoolSettings) -> list[Batch]:
    """Launches in as few calls as can be: equal but for task and token, and with nodes that one call can name."""
    groups: dict[tuple[object, ...], list[Launch]] = {}
    for one in launches:
        where = one.nodes if pool.placement == "policy" else tuple(count for _, count in one.nodes)
        groups.setdefault((*_alike(one), where), []).append(one)
    return [
        Batch(tuple(group[first : first + MOST])) for group in groups.values() for first in range(0, len(group), MOST)
    ]


def _alike(launch: Launch) -> tuple[object, ...]:
    """What must be equal in all tasks of one array, but for the nodes."""
    return (launch.bundle, launch.workload, launch.argv, tuple(sorted(launch.env.items())), tuple(sorted(launch.secrets.items())),
            launch.cwd, launch.unit, launch.cpus, launch.memory, launch.walltime_ms, launch.user, launch.project)  # fmt: skip


def order(batch: Batch, pool: PoolSettings, hosts: Mapping[str, str], spool: str, user: str) -> Order:
    """The call of sbatch for a batch. `hosts`: Slurm's name of each of the pool's nodes; `user`: who it runs as, or empty."""
    first = batch.launches[0]
    options: dict[str, str | None] = {
        "job-name": batch.name,
        "chdir": "/",
        "output": "/dev/null",
        "error": "/dev/null",
        "no-requeue": None,
        "nodes": str(len(first.nodes)),
        "ntasks-per-node": "1",
        "cpus-per-task": str(first.cpus),
        "mem": f"{-(-first.memory >> 20)}M",
        "time": times.limit(first.walltime_ms),
    }
    if batch.array:
        options["array"] = f"0-{len(batch.launches) - 1}"
    if first.unit == "gpu":
        options["gres"] = f"{pool.gres}:{max(count for _, count in first.nodes)}"
    if pool.placement == "policy" and all(name in hosts for name, _ in first.nodes):
        options["nodelist"] = ",".join(hosts[name] for name, _ in first.nodes)
    for name in ("partition", "qos", "reservation", "licenses"):
        if value := getattr(pool, name):
            options[name] = value
    if pool.account:
        options["account"] = pool.account.replace("{project}", first.project)
    tasks = [(one.token, one.task) for one in batch.launches]
    secrets = {variable: first.secrets[name] for name, variable in script.secret_names(first).items()}
    return Order(batch.name, options, script.script(first, tasks, spool), secrets, user)
