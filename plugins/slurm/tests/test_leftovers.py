"""What Slurm shows as waiting or running that is over, or that will not start where it was sent: its units come free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from shanyrak.api import EngineContext, EngineProblem, Node, Seen
from shanyrak_slurm import engine as engines
from shanyrak_slurm.engine import SlurmEngine, make
from shanyrak_slurm.jobs import Host, Job, Order
from shanyrak_slurm.notes import ROOM
from shanyrak_slurm.settings import Settings
from slurmlab.launches import ME, launch

HOST = Host("n1", "idle", 4, 4 << 30, 0)


class Shown:
    """A transport that shows what it was told to, and notes what is asked of it."""

    def __init__(self) -> None:
        self.shown: list[Job] = []
        self.nodes = [HOST]
        self.cancelled: list[tuple[str, list[str]]] = []
        self.submitted: list[Order] = []

    def submit(self, order: Order) -> str:
        self.submitted.append(order)
        return str(len(self.submitted))

    def jobs(self) -> Sequence[Job]:
        return self.shown

    def cancel(self, name: str, ids: Sequence[str]) -> None:
        self.cancelled.append((name, list(ids)))

    def hosts(self, partition: str) -> Sequence[Host]:
        return self.nodes


@pytest.fixture
def made(tmp_path: Path) -> Iterator[SlurmEngine]:
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'BOOT_TIME = 2025-11-24T16:00:00'\n")
    (tmp_path / "scontrol").chmod(0o755)
    settings = Settings(poll=0.0, programs=str(tmp_path), spool=str(tmp_path / "spool"))
    made = make(EngineContext("pool", str(tmp_path), settings, (Node("n-0", 4, 4, 4 << 30),), "cpu"))
    made.queue.transport = Shown()
    yield made
    made.close()


def shown(made: SlurmEngine) -> Shown:
    assert isinstance(made.queue.transport, Shown)
    return made.queue.transport


def sent(made: SlurmEngine, *tokens: str) -> list[Job]:
    """These are with Slurm as an array, and wait."""
    answers = made.launch([launch(token, task=task, bundle="b", user=ME) for task, token in enumerate(tokens)])
    return [
        Job(answer.handle, place, tokens[0], "PENDING", "Resources", raw="")
        for place, answer in enumerate(answers)
    ]  # fmt: skip


def test_what_an_old_state_shows_again_gives_its_units_back(made: SlurmEngine) -> None:
    first, second = sent(made, "a", "b")
    foreign = Job("99", -1, "of-another-pool", "RUNNING", raw="99")
    over = replace(first, state="CANCELLED", started_ms=0, raw="1")
    shown(made).shown = [over, second, foreign]
    assert [seen.state for seen in made.observe(["a", "b"])] == ["ended", "pending"]
    assert shown(made).cancelled == []
    shown(made).shown = [replace(first, state="RUNNING", raw="1"), second, foreign]
    assert [seen.state for seen in made.observe(["b"])] == ["pending"]
    assert shown(made).cancelled == [("a", ["1_0"])], "not what lives, nor what is none of ours"


def test_what_is_lost_and_may_live_is_no_leftover(made: SlurmEngine) -> None:
    """A late result of it counts."""
    first, second = sent(made, "a", "b")
    made.book.ended([Seen("a", "absent", words="nobody can say")])
    shown(made).shown = [replace(first, state="RUNNING", raw="1"), second]
    made.observe(["b"])
    assert shown(made).cancelled == []


def test_what_waits_for_a_node_that_takes_no_work_is_placed_anew(
    made: SlurmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "STUCK_S", 0.0)
    first, second = sent(made, "a", "b")
    stuck = replace(first, reason="ReqNodeNotAvail, UnavailableNodes:n1")
    shown(made).shown = [stuck, second]
    assert made.observe(["a"])[0].state == "pending", "all nodes are up: it waits for something else"
    shown(made).nodes = [replace(HOST, state="drained", reason="Duplicate jobid")]
    made.nodes()
    seen, other = made.observe(["a", "b"])
    assert (seen.state, seen.cause, seen.fenced, other.state) == ("ended", "refused", True, "pending")
    assert "UnavailableNodes:n1" in seen.words and made.spool.note("a", ME).given_up, "if it starts now, it ends"
    made.observe(["b"])
    assert shown(made).cancelled == [("a", ["1_0"])]


def test_what_started_meanwhile_is_not_taken_back(made: SlurmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "STUCK_S", 0.0)
    (first,) = sent(made, "a")
    shown(made).shown = [replace(first, place=-1, reason="ReqNodeNotAvail, UnavailableNodes:n1")]
    shown(made).nodes = [replace(HOST, state="drained")]
    (made.spool.folder / "a").mkdir(mode=0o700)
    assert made.observe(["a"])[0].state == "pending"


def test_a_short_while_is_no_reason(made: SlurmEngine) -> None:
    (first,) = sent(made, "a")
    shown(made).shown = [replace(first, place=-1, reason="ReqNodeNotAvail, UnavailableNodes:n1")]
    shown(made).nodes = [replace(HOST, state="drained")]
    assert [made.observe(["a"])[0].state for _ in range(3)] == ["pending"] * 3


def test_all_jobs_of_a_name_are_stopped(made: SlurmEngine) -> None:
    """sbatch was heard twice: the second one must not start when the first is gone."""
    sent(made, "a")
    shown(made).shown = [Job("1", -1, "a", "PENDING", raw="1"), Job("2", -1, "a", "PENDING", raw="2")]
    made.observe(["a"])
    made.stop(["a"])
    assert shown(made).cancelled == [("a", ["1", "2"])]


def test_nothing_is_asked_for_while_its_notes_have_no_room(made: SlurmEngine) -> None:
    (made.spool.folder / ROOM).symlink_to("/dev/full")
    with pytest.raises(EngineProblem, match="No space left"):
        sent(made, "a")
    assert shown(made).submitted == [] and made.book.entries(["a"]) == {}
    (made.spool.folder / ROOM).unlink()
    assert sent(made, "a") and len(shown(made).submitted) == 1
