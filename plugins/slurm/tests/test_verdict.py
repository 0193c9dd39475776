"""What became of an attempt, from each mixture of Slurm's record, sacct and the job's notes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem, Seen
from shanyrak_slurm.book import Entry
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.jobs import Host, Job
from shanyrak_slurm.notes import Spool
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.verdict import DOUBT_MS, ORPHAN_MS, RESTART_MS, Verdict

ENTRY = Entry("t", "t", -1, 60_000, "7", "me", 1_000, False, False, 0, None)
BEGAN, ENDED = 1_764_000_000_000, 1_764_000_005_000
JOB = Job("7", -1, "t", "COMPLETED", "None", 0, BEGAN - 10, BEGAN - 5, ENDED + 5, 5_000, "n1", "7")
NOW = 10_000_000


class Scene:
    """A verdict over programs that are small scripts, and a spool with the notes of one token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.up: bool | None = True
        self.spool = Spool(folder / "spool", False)
        slurm = Slurm(Settings(programs=str(folder)))
        self.verdict = Verdict(slurm, self.spool, self.host)
        self.program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
        self.program("scontrol", "echo 'BOOT_TIME = 2020-01-01T00:00:00'")

    def host(self, name: str) -> Host | None:
        return None if self.up is None else Host(name, "idle" if self.up else "down", 1, 1, 0)

    def program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def notes(self, **texts: str) -> None:
        (self.spool.folder / "t").mkdir()
        for name, text in texts.items():
            (self.spool.folder / "t" / name).write_text(text)

    def whole(self, code: int = 0) -> None:
        self.notes(began=f"7 n1 {BEGAN}", end=f"{code} {ENDED}", life="")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_ordinary_end_is_slurms(scene: Scene) -> None:
    scene.whole(3)
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="FAILED", status=3 << 8))
    assert end and (end.exit_code, end.cause, end.ended_ms) == (3, "", ENDED + 5)


@pytest.mark.parametrize(
    ("state", "cause"), [("TIMEOUT", "walltime"), ("NODE_FAIL", "node"), ("OUT_OF_MEMORY", "memory")]
)
def test_what_slurm_itself_ended_needs_no_notes(scene: Scene, state: str, cause: str) -> None:
    end = scene.verdict.of_end(ENTRY, replace(JOB, state=state))
    assert end and end.cause == cause


def test_a_command_that_is_not_there(scene: Scene) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", launch="its command x is not on its node")
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="FAILED", status=127 << 8))
    assert end and (end.cause, end.exit_code, end.words) == ("launch", None, "its command x is not on its node")


@pytest.mark.parametrize("claimed", [False, True])
def test_a_script_that_could_not_note_its_beginning_ran_nothing(scene: Scene, claimed: bool) -> None:
    if claimed:
        scene.notes(began="")
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="FAILED", status=1 << 8))
    assert end and (end.cause, end.exit_code) == ("node", None) and "could not write to" in end.words


def test_a_spool_that_is_away_proves_nothing(scene: Scene) -> None:
    scene.whole()
    scene.spool.folder.rename(scene.folder / "away")
    with pytest.raises(EngineProblem, match="the spool"):
        scene.verdict.of_end(ENTRY, JOB)
    with pytest.raises(EngineProblem, match="the spool"):
        lost(scene, replace(ENTRY, missed_ms=NOW - DOUBT_MS))


def test_of_a_second_start_that_was_turned_away_the_first_one_tells(scene: Scene) -> None:
    second = replace(JOB, id="9", raw="9", state="FAILED", status=75 << 8)
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    assert scene.verdict.of_end(ENTRY, second) is None
    (scene.spool.folder / "t" / "end").write_text(f"4 {ENDED}")
    end = scene.verdict.of_end(ENTRY, second)
    assert end and (end.exit_code, end.ran_ms) == (4, 5_000)


def test_work_may_itself_end_with_that_code(scene: Scene) -> None:
    scene.whole(75)
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="FAILED", status=75 << 8))
    assert end and end.exit_code == 75


def test_a_token_that_was_given_up_has_no_end(scene: Scene) -> None:
    assert scene.spool.give_up("t", "me")
    assert scene.verdict.of_end(ENTRY, replace(JOB, state="FAILED", status=75 << 8)) is None


def test_what_was_stopped_is_stopped(scene: Scene) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", end=f"143 {ENDED}", life="")
    end = scene.verdict.of_end(replace(ENTRY, stopped=True), replace(JOB, state="CANCELLED", status=15))
    assert end and end.cause == "stopped"
    by_others = scene.verdict.of_end(ENTRY, replace(JOB, state="CANCELLED", status=15))
    assert by_others and by_others.cause == "stopped"


def test_what_had_ended_by_itself_before_it_was_cancelled(scene: Scene) -> None:
    scene.whole(5)
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="CANCELLED", status=15))
    assert end and (end.exit_code, end.cause) == (5, "")


@pytest.mark.parametrize(
    ("after_ms", "cause"), [(RESTART_MS - 1_000, "node"), (RESTART_MS + 1_000, "stopped"), (-1_000, "stopped")]
)
def test_what_a_slurmctld_ended_that_came_back_is_infrastructure(scene: Scene, after_ms: int, cause: str) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    scene.program("scontrol", "echo 'BOOT_TIME               = 2025-11-24T16:00:00'")
    boot = 1_764_000_000_000
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="CANCELLED", status=15, ended_ms=boot + after_ms))
    assert end and end.cause == cause


def test_a_start_by_an_old_state_is_not_the_run(scene: Scene) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    again = replace(JOB, state="CANCELLED", started_ms=BEGAN + 9_000)
    assert scene.verdict.of_end(ENTRY, again) is None
    (scene.spool.folder / "t" / "end").write_text(f"0 {ENDED}")
    end = scene.verdict.of_end(ENTRY, again)
    assert end and end.exit_code == 0


def missing(since_ms: int) -> Entry:
    return replace(ENTRY, missed_ms=NOW - since_ms)


def lost(scene: Scene, entry: Entry) -> Seen | None:
    """What is concluded of one attempt that Slurm does not show."""
    return next(iter(scene.verdict.of_missing([entry], NOW)), None)


@pytest.mark.parametrize("entry", [replace(missing(60_000), asked_ms=NOW - 100), missing(100), replace(ENTRY, missed_ms=0),
                                   replace(ENTRY, missed_ms=NOW + 5_000)])  # fmt: skip
def test_while_it_is_early_or_the_clock_went_back_nothing_is_concluded(scene: Scene, entry: Entry) -> None:
    assert lost(scene, entry) is None


def test_what_slurm_forgot_sacct_knows(scene: Scene) -> None:
    scene.whole(2)
    line = "7|t|FAILED|2:0|2025-11-24T16:00:00|2025-11-24T16:00:00|2025-11-24T16:00:09|n1|7|me"
    scene.program("sacct", f"echo '{line}'")
    end = lost(scene, missing(DOUBT_MS))
    assert end and (end.exit_code, end.ran_ms) == (2, 9_000)


def test_sacct_is_asked_once_for_all_and_nobody_is_taken_for_another(scene: Scene) -> None:
    calls, facts = (
        scene.folder / "calls",
        "COMPLETED|0:0|2025-11-24T16:00:00|2025-11-24T16:00:00|2025-11-24T16:00:09|n1|7",
    )
    scene.program("sacct", f"echo \"$@\" >>{calls}; echo '7|t0|{facts}|me'; echo '7|t1|{facts}|other'")
    entries = [replace(missing(DOUBT_MS), token=f"t{n}", name=f"t{n}") for n in range(3)]
    for entry in entries:
        (scene.spool.folder / entry.token).mkdir()
        (scene.spool.folder / entry.token / "began").write_text(f"7 n1 {BEGAN}")
    (scene.spool.folder / "t0" / "end").write_text(f"0 {ENDED}")
    ends = scene.verdict.of_missing(entries, NOW)
    assert [end.token for end in ends] == ["t0"], "of t1 the record is somebody else's, of t2 there is none"
    (call,) = calls.read_text().splitlines()
    assert "--name=t0,t1,t2" in call and "--user=me" in call


@pytest.mark.parametrize("sacct", ["exit 1", "echo 'sacct: error: Problem talking to the database' >&2; exit 1"])
def test_without_sacct_the_notes_tell(scene: Scene, sacct: str) -> None:
    scene.program("sacct", sacct)
    scene.whole(137)
    end = lost(scene, missing(DOUBT_MS))
    assert end and (end.exit_code, end.signal, end.ran_ms) == (None, 9, 5_000)


def test_what_never_started_is_given_up(scene: Scene) -> None:
    end = lost(scene, missing(DOUBT_MS))
    assert end and (end.state, end.fenced) == ("absent", True)
    assert scene.spool.note("t", "me").given_up
    again = lost(scene, missing(DOUBT_MS))
    assert again and again.state == "absent"


def test_what_lives_lives_whatever_slurm_says(scene: Scene) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    hold = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(1, flush=True); sys.stdin.read()"
    life = scene.spool.folder / "t" / "life"
    holder = subprocess.Popen([sys.executable, "-c", hold, life], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline()
    assert lost(scene, missing(ORPHAN_MS * 100)) is None
    assert scene.verdict.of_silence(missing(ORPHAN_MS), NOW).state == "running"
    holder.communicate(timeout=60)
    assert scene.verdict.of_silence(missing(ORPHAN_MS), NOW).state == "unknown"


@pytest.mark.parametrize("up", [None, False])
def test_while_its_node_does_not_answer_nothing_is_concluded(scene: Scene, up: bool | None) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    scene.up = up
    assert lost(scene, missing(ORPHAN_MS)) is None


@pytest.mark.parametrize(("life", "fenced"), [("", True), ("unlocked", False)])
def test_what_ended_with_its_node_is_fenced_where_files_can_be_locked(scene: Scene, life: str, fenced: bool) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life=life)
    assert lost(scene, missing(ORPHAN_MS - 1)) is None
    end = lost(scene, missing(ORPHAN_MS))
    assert end and (end.state, end.fenced) == ("absent", fenced) and "n1" in end.words


def test_a_script_that_died_before_it_noted_anything_is_not_waited_for_for_ever(scene: Scene) -> None:
    scene.notes()
    assert lost(scene, missing(ORPHAN_MS - 1)) is None
    end = lost(scene, missing(ORPHAN_MS))
    assert end and (end.state, end.fenced) == ("absent", True)


def test_what_was_asked_for_just_now_waits(scene: Scene) -> None:
    assert scene.verdict.of_silence(replace(ENTRY, asked_ms=NOW), NOW).state == "pending"
