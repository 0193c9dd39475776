"""What slurm.conf says of the machine: its GPUs and nodes, how jobs are ended, how many there may be."""

from __future__ import annotations

import os
from collections.abc import Iterator

from shanyrak_slurm.cli import Cli
from shanyrak_slurm.config import requeues
from shanyrak_slurm.doctor.finding import Case, Finding
from shanyrak_slurm.jobs import TWICE
from shanyrak_slurm.machine import Machine


def gpus_and_nodes(case: Case) -> Iterator[Finding]:
    """Each pool has its nodes, and they have its units."""
    types = case.config.get("GresTypes", "").split(",")
    if any(pool.unit == "gpu" for pool in case.pools) and "gpu" not in types:
        yield Finding("bad", "GPUs", f"GresTypes is {','.join(types) or 'empty'}: no job can ask for one",
                      "set GresTypes=gpu, with gres.conf on the nodes")  # fmt: skip
    cli = Cli(case.settings)
    for pool in case.pools:
        machine = Machine.of((), cli.hosts(pool.settings.partition), _names(case, pool.settings.nodes), pool.unit)
        there = machine.nodes()
        up = [node for node in there if node.up and node.units]
        subject = f"pool {pool.name}: nodes"
        least = min((node.units for node in up), default=0)
        if not up:
            yield Finding("bad", subject, f"none of {len(there)} is up with a {pool.unit}", "see `sinfo -R`")
        elif len(there) < pool.nodes or least < pool.units:
            yield Finding("lacks", subject, f"{pool.nodes} of {pool.units} {pool.unit} are declared, Slurm has {len(there)} of"
                          f" {least} and more: the lesser is used", "correct [[pools]] in commons.toml")  # fmt: skip
        elif len(up) < len(there):
            yield Finding("lacks", subject, f"{len(there) - len(up)} of {len(there)} are not up", "see `sinfo -R`")
        else:
            yield Finding("good", subject, f"{len(up)} are up, with {least} {pool.unit} and more each")
        if lost := [host.name for host in machine.hosts if host.reason in TWICE]:
            yield Finding("lacks", subject, f"{', '.join(lost)} drained since slurmctld died and gave ids of lost jobs again",
                          f"scontrol update NodeName={','.join(lost)} State=RESUME, or let the health check do so")  # fmt: skip


def _names(case: Case, pattern: str) -> list[str]:
    return case.slurm.run("scontrol", "show", "hostnames", pattern).split() if pattern else []


def ends(case: Case) -> Iterator[Finding]:
    """How jobs are ended, and that Slurm does not start them again by itself."""
    track = case.config.get("ProctrackType", "").rpartition("/")[2]
    if track == "cgroup":
        yield Finding("good", "processes", "are tracked by control groups: none outlives its job")
    else:
        yield Finding("lacks", "processes", f"are tracked by {track}: what leaves its session may outlive its job",
                      "set ProctrackType=proctrack/cgroup")  # fmt: skip
    if requeues(case.config):
        yield Finding("good", "requeue", "is Slurm's default for others; jobs of this site are sent with --no-requeue")
    else:
        yield Finding("good", "requeue", "is off")


def sizes(case: Case) -> Iterator[Finding]:
    """Arrays go out as one job, if Slurm takes them."""
    most = int(case.config.get("MaxArraySize", "1001") or 0)
    if most < 2:
        yield Finding("lacks", "arrays", "Slurm takes none: each task is a job of its own", "set MaxArraySize=10001")
    else:
        yield Finding("good", "arrays", f"up to {most - 1:,} tasks are one job")
    count = int(case.config.get("MaxJobCount", "10000") or 0)
    units = sum(pool.nodes * pool.units for pool in case.pools)
    if count < 2 * units:
        yield Finding("lacks", "jobs", f"Slurm keeps {count:,} at most, and {units:,} units may each run one",
                      f"set MaxJobCount to {4 * units} or more")  # fmt: skip
    else:
        yield Finding("good", "jobs", f"Slurm keeps {count:,} at most")


def people(case: Case) -> Iterator[Finding]:
    """As whom work runs."""
    if case.settings.act_as == "self":
        yield Finding("lacks", "people", f"all work runs as {case.user}: users can touch each other's files",
                      "run the controller as root and set act_as = 'owner'")  # fmt: skip
    elif os.geteuid() != 0:
        yield Finding("bad", "people", f"act_as is owner, and {case.user} may not submit for others",
                      "run the controller as root, or set act_as = 'self'")  # fmt: skip
    else:
        yield Finding("good", "people", "each work runs as who asked for it")
