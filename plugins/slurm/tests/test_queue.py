"""What squeue and sinfo print, whatever people call their jobs; whose job is whose."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem
from shanyrak_slurm import past
from shanyrak_slurm.book import Entry
from shanyrak_slurm.cli import END, gpus, read_hosts, read_jobs
from shanyrak_slurm.jobs import Job
from shanyrak_slurm.notes import Spool
from shanyrak_slurm.queue import Queue

LAST = END + "5ca1ab1e"


def record(
    name: str, array: str = "7", place: str = "N/A", id_: str = "7", user: str = "0", state: str = "RUNNING"
) -> str:
    return END.join(
        [array, place, id_, user, state, "None", "0", "2026-11-25T18:00:00", "2026-11-25T18:00:01", "N/A", "1:02", "n1", name]
    ) + LAST + "\n"  # fmt: skip


def test_a_job() -> None:
    (job,) = read_jobs(record("token"), LAST)
    assert (job.id, job.place, job.name, job.state, job.user, job.raw, job.node) == (
        "7",
        -1,
        "token",
        "RUNNING",
        "0",
        "7",
        "n1",
    )
    assert job.started_ms - job.submitted_ms == 1000 and job.used_ms == 62_000 and job.ended_ms == 0


def test_nothing_is_no_job() -> None:
    assert read_jobs("", LAST) == [] and read_hosts("") == []


def test_tasks_that_wait_are_one_record() -> None:
    found = read_jobs(record("a", "9", "[0-2,5%2]", "9", state="PENDING") + record("a", "9", "3", "12"), LAST)
    assert [(job.id, job.place) for job in found] == [("9_0", 0), ("9_1", 1), ("9_2", 2), ("9_5", 5), ("9_3", 3)]


@pytest.mark.parametrize(
    "name", ["", "a b", "ж|é", "a\nb", "tab\t", f"x{END}y", "\n\n", f"a\n{record('t')[:-10]}", "%s"]
)
def test_no_name_can_pass_for_another_job(name: str) -> None:
    found = read_jobs(record(name, id_="8", user="1000") + record("token"), LAST)
    assert [(job.id, job.name, job.user) for job in found] == [("8", name, "1000"), ("7", "token", "0")]


@pytest.mark.parametrize(
    "text", ["x\n", "7|RUNNING\n", f"7{LAST}\n", record("t") + "slurm_load_jobs error", record("t")[:-1]]
)
def test_what_is_not_understood_is_one_line(text: str) -> None:
    with pytest.raises(EngineProblem, match=r"squeue: it prints what is not understood.*slurm doctor"):
        read_jobs(text, LAST)


def test_nodes_each_once() -> None:
    def line(*fields: str) -> str:
        return "".join(f"{field}{END}" for field in fields) + "\n"

    text = line("n1", "idle", "64", "1000", "gpu:h200:8(S:0-1),nic:2", "none")
    text += line("n2", "drained", "64", "1000", "(null)", "bad disk") + text
    first, second = read_hosts(text)
    assert (first.name, first.gpus, first.memory, first.reason) == ("n1", 8, 1000 << 20, "")
    assert (second.gpus, second.reason, second.up) == (0, "bad disk", False)
    with pytest.raises(EngineProblem, match="sinfo: it prints what is not understood"):
        read_hosts(line("n1", "idle", "many", "1000", "", ""))


@pytest.mark.parametrize(
    ("gres", "count"),
    [("gpu:8", 8), ("gpu:a100:2,gpu:h200:4", 6), ("(null)", 0), ("gpu", 0), ("shard:gpu:3", 0), ("", 0)],
)
def test_gpus_of_a_node(gres: str, count: int) -> None:
    assert gpus(gres) == count


class Line:
    """A transport that shows what it was told to."""

    def __init__(self, *jobs: Job) -> None:
        self.shown = jobs

    def jobs(self, name: str = "") -> Sequence[Job]:
        return self.shown


def entry(user: str) -> Entry:
    return Entry("t", "t", -1, 60_000, "", user, 0, False, False, 0, None)


def queue(owners: bool, *jobs: Job) -> Queue:
    made = Queue(Line(*jobs), 0.0, owners)  # type: ignore[arg-type]
    made.look()
    return made


def test_a_job_of_somebody_else_under_our_name_is_none(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    theirs = Job("9", -1, "t", "COMPLETED", user="54321", raw="9")
    ours = Job("5", -1, "t", "RUNNING", user=str(os.geteuid()), raw="5")
    spool = Spool(tmp_path, False)
    alone = queue(True, theirs)
    assert alone.find(entry(me), spool) is None and alone.id_of(entry(me)) == ""
    both = queue(True, ours, theirs)
    assert both.find(entry(me), spool) == ours and both.id_of(entry(me)) == "5"


def test_of_a_user_that_the_system_does_not_know_now_nothing_is_concluded(tmp_path: Path) -> None:
    with pytest.raises(EngineProblem, match="knows no user no-such-user"):
        queue(True, Job("9", -1, "t", "RUNNING", user="54321")).find(entry("no-such-user"), Spool(tmp_path, False))


def test_of_two_jobs_of_a_name_the_one_that_claimed_the_token_counts(tmp_path: Path) -> None:
    spool = Spool(tmp_path, False)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "began").write_text("5 n1 1764000000000\n")
    claimed, other = Job("5", -1, "t", "FAILED", raw="5"), Job("9", -1, "t", "RUNNING", raw="9", submitted_ms=9)
    assert queue(False, claimed, other).find(entry("me"), spool) == claimed
    (tmp_path / "t" / "began").unlink()
    assert queue(False, claimed, other).find(entry("me"), spool) == other, "else one that lives"


def test_records_of_sacct() -> None:
    text = (
        "7|t|CANCELLED by 0|0:15|2026-11-25T18:00:00|2026-11-25T18:00:01|2026-11-25T18:00:05|n1|7|ada\n"
        "8_[0-1%4]|a|b|PENDING|0:0|2026-11-25T18:00:00|Unknown|Unknown|None assigned|8|ada\n"
        "9|t||2:0|||||9|\n"
    )
    first, *tasks, last = past.read(text)
    assert (first.state, first.status, first.place, first.user) == ("CANCELLED", 15, -1, "ada")
    assert [(task.id, task.place, task.name, task.started_ms) for task in tasks] == [
        ("8_0", 0, "a|b", 0),
        ("8_1", 1, "a|b", 0),
    ]
    assert (last.state, last.status) == ("", 2 << 8)
