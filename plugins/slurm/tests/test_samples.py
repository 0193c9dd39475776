"""What several versions of Slurm print, recorded (samples/record.py): each job, node and setting means the same in all."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from shanyrak_slurm import past
from shanyrak_slurm.bring import sacct
from shanyrak_slurm.bring.places import Place, put
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.cli import END, read_hosts, read_jobs
from shanyrak_slurm.config import configured, requeues
from shanyrak_slurm.doctor.reach import TRIED
from shanyrak_slurm.jobs import Job, seen
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.version import version

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = sorted(path.parent.name for path in SAMPLES.glob("*/squeue.txt"))
GPU, CPU = Place("gpu", "gpu", "", 8), Place("cpu", "cpu", "", 1)
# state, cause, exit code, signal
ENDS = {
    "done": ("COMPLETED", "", 0, 0),
    "others": ("COMPLETED", "", 0, 0),
    "a|b c": ("COMPLETED", "", 0, 0),
    "failed": ("FAILED", "", 3, 0),
    "overtime": ("TIMEOUT", "walltime", None, 0),
    "memory": ("OUT_OF_MEMORY", "memory", None, 0),
    "dead": ("NODE_FAIL", "node", None, 0),
    "preempted": ("PREEMPTED", "node", None, 0),
    "stopped": ("CANCELLED", "stopped", None, 0),
}
# GPUs, CPUs, nodes, limit in minutes (0: none)
AMOUNTS = {
    "done": (2, 1, 1, 90),
    "others": (0, 3, 1, 60),
    "failed": (8, 2, 2, 60),
    "memory": (0, 1, 1, 60),
    "dead": (8, 1, 1, 60),
    "runs": (1, 1, 1, 60),
    "urgent": (8, 64, 1, 0),
}
WAITS = {
    "held": "JobHeldUser", "later": "BeginTime", "after": "Dependency", "licence": "Licenses", "room": "Resources",
    "again": "BeginTime", "away": "ReqNodeNotAvail, ",
}  # fmt: skip
"""How the reasons begin for which they wait."""
each = pytest.mark.parametrize("slurm", VERSIONS)


def text(slurm: str, what: str) -> str:
    return (SAMPLES / slurm / f"{what}.txt").read_text()


def queue(slurm: str) -> dict[tuple[str, int], Job]:
    return {(job.name, job.place): job for job in read_jobs(text(slurm, "squeue"), f"{END}5ca1ab1e")}


def ends(job: Job) -> tuple[str, str, int | None, int]:
    end = seen("t", job)
    assert end.state == "ended" and end.fenced
    assert end.words == "" or end.words.startswith(f"Slurm: {job.state}")
    return job.state, end.cause, end.exit_code, end.signal


def test_there_is_one_of_each_version_that_was_tried() -> None:
    assert sorted(filter(None, map(version, VERSIONS))) == sorted(TRIED)
    told = (SAMPLES / "README.md").read_text()
    assert all(f"`{one}`" in told for one in VERSIONS)


@each
def test_what_has_ended_by_squeue(slurm: str) -> None:
    jobs = queue(slurm)
    assert {name: ends(jobs[name, -1]) for name in ENDS} == ENDS
    assert ends(jobs["signalled", -1]) == ("FAILED", "node", None, 0), "nothing of the work ends its script"
    assert ends(jobs["withdrawn", -1])[:2] == ("CANCELLED", "stopped")
    assert seen("t", jobs["withdrawn", -1]).started_ms == 0, "some versions tell a start"
    for name in ENDS:
        end = seen("t", jobs[name, -1])
        assert 0 < jobs[name, -1].submitted_ms <= end.started_ms <= end.ended_ms
    assert jobs["done", -1].user == "0" and jobs["others", -1].user == "65534"
    assert {place for name, place in jobs if name == "array"} == {1, 3, 5}


@each
def test_what_lives_by_squeue(slurm: str) -> None:
    jobs = queue(slurm)
    for name, reason in WAITS.items():
        job = jobs[name, -1]
        said = seen("t", job)
        assert said.state == "pending" and said.words == f"Slurm: {job.reason}", name
        assert job.reason.startswith(reason), name
    for name, place in (("runs", -1), ("urgent", -1), ("licensed", -1), ("frozen", -1), ("queue", 0)):
        assert seen("t", jobs[name, place]).state == "running" and jobs[name, place].started_ms, name
    assert {place for (name, place), job in jobs.items() if name == "queue" and job.state == "PENDING"} == set(
        range(1, 10)
    )


@each
def test_what_has_ended_by_sacct(slurm: str) -> None:
    jobs = {job.name: job for job in past.read(text(slurm, "past"))}
    assert {name: ends(jobs[name]) for name in ENDS} == ENDS
    assert ends(jobs["signalled"]) == ("FAILED", "", None, 9), "it keeps no reason"
    assert not jobs["licence"].ended and not jobs["licence"].node
    now = queue(slurm)
    for name in ENDS:
        assert jobs[name].id == now[name, -1].id and jobs[name].ended_ms == now[name, -1].ended_ms
    assert (jobs["done"].user, jobs["others"].user) == ("root", "nobody")


@each
def test_what_past_jobs_had(slurm: str) -> None:
    named = {job.id: job.name for job in past.read(text(slurm, "past"))}
    found = list(sacct.read(text(slurm, "sacct")))
    assert len({one.job for one in found}) == len(found)
    jobs = {named.get(one.label, one.label): one for one in found}
    assert {
        name: (jobs[name].gpus, jobs[name].cpus, jobs[name].nodes, jobs[name].limit_ms // 60_000) for name in AMOUNTS
    } == AMOUNTS
    assert {name: jobs[name].state for name in ENDS} == {name: end[0] for name, end in ENDS.items()}
    for name in ENDS:
        assert jobs[name].ran and jobs[name].ran_ms <= jobs[name].ended_ms - jobs[name].started_ms
    for name in ("runs", "urgent", "frozen", "licence", "room"):
        assert not jobs[name].ended_ms and not jobs[name].ran
    assert (jobs["others"].account, jobs["others"].user) == ("default", "nobody")
    assert put(jobs["done"], [CPU, GPU]) == ("gpu", 2)
    assert put(jobs["others"], [GPU, CPU]) == ("cpu", 3)
    assert put(jobs["others"], [Place("gpu", "gpu", "", 2)]) == ("gpu", 2), "3 CPUs are the share of two GPUs"
    assert put(jobs["done"], [CPU]) is None
    assert put(jobs["dead"], [GPU, Place("big", "gpu", "main", 8)]) == ("big", 8), "the pool of its partition"


@each
def test_nodes(slurm: str) -> None:
    small, fails, left, drained = read_hosts(text(slurm, "sinfo"))
    assert all(
        (host.cpus, host.memory >> 20, host.gpus) == (64, 1_000_000, 8) for host in (small, fails, left, drained)
    )
    assert [host.up for host in (small, fails, left, drained)] == [True, False, True, False]
    assert [host.answers for host in (small, fails, left, drained)] == [True, False, True, True]
    assert [host.reason for host in (small, fails, left, drained)] == ["", "it died", "", "a fan | it rattles"]


@each
def test_configuration(slurm: str, tmp_path: Path) -> None:
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\ncat {shlex.quote(str(SAMPLES / slurm / 'config.txt'))}\n")
    (tmp_path / "scontrol").chmod(0o755)
    config = configured(Slurm(Settings(programs=str(tmp_path))))
    assert (config["ClusterName"], config["MaxArraySize"], requeues(config)) == ("trial", "10001", True)
    assert "slurmdbd" in config["AccountingStorageType"] and "gres/gpu" in config["AccountingStorageTRES"]


def test_names_that_are_tokens() -> None:
    said = "12|s0a1b2c3d.4.0.1\n13|wrap\n14|xs0a1b2c3d.4.0.1\n15|s0a1b2c3d.4.0.1 \ns0a1b2c3d.4.0.1\n"
    assert sacct.own(said) == {"12": "s0a1b2c3d.4.0.1"}
