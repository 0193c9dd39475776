"""What became of an attempt, from each mixture of Slurm's record, sacct and the job's notes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
        self.notes(began=f"7 n1 {BEGAN}", end=f"{code} {ENDED} 0 .", life="")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_ordinary_end_is_slurms(scene: Scene) -> None:
    scene.whole(3)
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="FAILED", status=3 << 8))
    assert end and (end.exit_code, end.cause, end.ended_ms) == (3, "", ENDED + 5)


@pytest.mark.parametrize(("noted_ms", "charged_ms"), [(0, 0), (300, 300), (999_000, 999)])
def test_what_ran_within_one_of_slurms_seconds_ran_as_long_as_its_script_measured(
    scene: Scene, noted_ms: int, charged_ms: int
) -> None:
    """And whoever writes something else in the notes of their own work gains nothing by it."""
    scene.notes(began=f"7 n1 {BEGAN}", end=f"0 {BEGAN + noted_ms} 0 .", life="")
    end = scene.verdict.of_end(ENTRY, replace(JOB, started_ms=BEGAN, ended_ms=BEGAN))
    assert end and (end.state, end.exit_code, end.ran_ms) == ("ended", 0, charged_ms)


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
    (scene.spool.folder / "t" / "end").write_text(f"4 {ENDED} 0 .")
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
    scene.notes(began=f"7 n1 {BEGAN}", end=f"143 {ENDED} 0 .", life="")
    end = scene.verdict.of_end(replace(ENTRY, stopped=True), replace(JOB, state="CANCELLED", status=15))
    assert end and end.cause == "stopped"
    by_others = scene.verdict.of_end(ENTRY, replace(JOB, state="CANCELLED", status=15))
    assert by_others and by_others.cause == "stopped"


def test_what_ran_to_its_walltime_and_went_without_a_word_is_no_matter_of_a_restart(scene: Scene) -> None:
    scene.program("scontrol", "echo 'BOOT_TIME = 2025-11-24T16:00:00'")
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    end = scene.verdict.of_end(replace(ENTRY, over=True), replace(JOB, state="CANCELLED", status=9))
    assert end and end.cause == "walltime"


def test_what_had_ended_by_itself_before_it_was_cancelled(scene: Scene) -> None:
    scene.whole(5)
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="CANCELLED", status=15))
    assert end and (end.exit_code, end.cause) == (5, "")


@pytest.mark.parametrize(
    ("after_ms", "cause"),
    [
        (RESTART_MS - 1_000, "node"),
        (RESTART_MS + 1_000, "stopped"),
        (-1_000, "node"),  # it may have come back the time before, too, which nobody saw
        (-RESTART_MS - 1_000, "stopped"),
    ],
)
def test_what_a_slurmctld_ended_that_came_back_is_infrastructure(scene: Scene, after_ms: int, cause: str) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    scene.program("scontrol", "echo 'BOOT_TIME               = 2025-11-24T16:00:00'")
    boot = 1_764_000_000_000
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="CANCELLED", status=15, ended_ms=boot + after_ms))
    assert end and end.cause == cause


def test_slurmctld_is_asked_once_a_round_since_when_it_lives(scene: Scene) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    calls = scene.folder / "calls"
    scene.program("scontrol", f"echo x >>{calls}; echo 'BOOT_TIME = 2020-01-01T00:00:00'")
    killed = replace(JOB, state="CANCELLED", status=15)
    ghost = replace(ENTRY, token="ghost")
    for asked in (1, 2):
        scene.verdict.begin()
        for _ in range(3):
            end = scene.verdict.of_end(ENTRY, killed)
            assert end and end.cause == "stopped" and scene.verdict.of_ghost(ghost, JOB) is None
        assert calls.read_text().split() == ["x"] * asked


def test_a_start_by_an_old_state_is_not_the_run(scene: Scene) -> None:
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    again = replace(JOB, state="CANCELLED", started_ms=BEGAN + 9_000)
    assert scene.verdict.of_end(ENTRY, again) is None
    (scene.spool.folder / "t" / "end").write_text(f"0 {ENDED} 0 .")
    end = scene.verdict.of_end(ENTRY, again)
    assert end and end.exit_code == 0


BOOT = "echo 'BOOT_TIME               = 2025-11-24T16:00:00'"
"""slurmctld came back at BEGAN."""


def test_a_start_that_slurmd_refused_since_the_first_one_runs_is_not_its_end(scene: Scene) -> None:
    """The second start was before the first one's script, on a busy node, noted its beginning."""
    scene.program("scontrol", BOOT)
    refused = replace(JOB, state="FAILED", status=1 << 8)
    with alive(scene):
        assert scene.verdict.of_end(ENTRY, refused) is None
    end = scene.verdict.of_end(ENTRY, refused)
    assert end and (end.cause, end.exit_code) == ("node", None), "what slurmd ended with it ran half of its time"
    (scene.spool.folder / "t" / "end").write_text(f"0 {ENDED} 0 .")
    end = scene.verdict.of_end(ENTRY, refused)
    assert end and (end.exit_code, end.ran_ms) == (0, 5_000)


@pytest.mark.parametrize(("state", "status"), [("COMPLETED", 0), ("FAILED", 9), ("FAILED", 3 << 8)])
def test_the_end_of_a_lost_job_is_not_that_of_the_one_that_has_its_number(
    scene: Scene, state: str, status: int
) -> None:
    """A node knows jobs by number: what it says of the old one, slurmctld takes for the new one's."""
    scene.program("scontrol", BOOT)
    scene.notes(began=f"7 n1 {BEGAN}", end=f"5 {ENDED} 0 .", life="")
    end = scene.verdict.of_end(ENTRY, replace(JOB, state=state, status=status))
    assert end and (end.cause, end.exit_code) == ("", 5)
    (scene.spool.folder / "t" / "end").write_text(f"143 {ENDED} 0 .")
    end = scene.verdict.of_end(ENTRY, replace(JOB, state=state, status=status))
    assert end and (end.cause, end.exit_code) == ("node", None), "and ended the new one with it"


def test_what_has_not_begun_when_its_number_is_said_to_have_ended_never_begins(scene: Scene) -> None:
    end = scene.verdict.of_end(ENTRY, JOB)
    assert end and end.cause == "node"
    assert scene.spool.note("t", "me").given_up


def test_a_script_that_hangs_before_its_beginning_does_not_go_on(scene: Scene) -> None:
    scene.notes()
    end = scene.verdict.of_end(ENTRY, JOB)
    assert end and end.cause == "node"
    assert scene.spool.seal("t", "me"), "its script finds the note of its beginning there"


def test_of_two_jobs_under_a_name_only_the_one_that_claimed_the_token_tells(scene: Scene) -> None:
    scene.notes(began=f"9 n2 {BEGAN}", life="")
    for state in ("CANCELLED", "NODE_FAIL", "TIMEOUT", "FAILED"):
        assert scene.verdict.of_end(ENTRY, replace(JOB, state=state)) is None
    facts = "2025-11-24T16:00:00|2025-11-24T16:00:00|2025-11-24T16:00:09|n1"
    scene.program("sacct", f"echo '7|t|NODE_FAIL|0:0|{facts}|7|me'; echo '9|t|FAILED|2:0|{facts}|9|me'")
    end = lost(scene, missing(DOUBT_MS))
    assert end and end.exit_code == 2


def test_what_had_ended_before_its_walltime_did_not_run_past_it(scene: Scene) -> None:
    """slurmctld did not know of its end, and counted on."""
    scene.whole(0)
    for job in (replace(JOB, state="TIMEOUT"), replace(JOB, state="CANCELLED")):
        end = scene.verdict.of_end(replace(ENTRY, over=True), job)
        assert end and (end.cause, end.exit_code) == ("", 0)
        end = scene.verdict.of_end(replace(ENTRY, over=True, walltime_ms=4_000), job)
        assert end and end.cause == "walltime", "it was told to end, and did so in order"


@pytest.mark.parametrize("code", [143, 137])
def test_what_was_ended_at_its_walltime_on_a_node_whose_clock_is_slow_is_not_tried_again(
    scene: Scene, code: int
) -> None:
    scene.notes(began=f"7 n1 {BEGAN - 600_000}", end=f"{code} {ENDED - 600_000} 0 .", life="")
    end = scene.verdict.of_end(ENTRY, replace(JOB, state="TIMEOUT"))
    assert end and end.cause == "walltime"


def test_where_slurm_tells_jobs_when_they_started_clocks_of_nodes_do_not_matter(scene: Scene) -> None:
    """A node whose clock is ten minutes slow, and one that is ten minutes fast."""
    start = JOB.started_ms // 1000
    job = replace(JOB, state="CANCELLED", started_ms=start * 1000)
    for skew in (-600_000, 600_000):
        scene.notes(began=f"7 n1 {BEGAN + skew} 100.50 {start}", life="")
        end = scene.verdict.of_end(ENTRY, job)
        assert end and end.cause == "stopped"
        assert scene.verdict.of_end(ENTRY, replace(job, started_ms=start * 1000 + 9_000)) is None, "it is another start"
        shutil.rmtree(scene.spool.folder / "t")


@contextmanager
def alive(scene: Scene) -> Iterator[None]:
    """A script of the token lives in the block, and is gone after it without a word."""
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    hold = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(1, flush=True); sys.stdin.read()"
    life = scene.spool.folder / "t" / "life"
    holder = subprocess.Popen([sys.executable, "-c", hold, life], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline()
    try:
        yield
    finally:
        holder.communicate(timeout=60)


RUNNING = replace(JOB, state="RUNNING", started_ms=BEGAN - 5, ended_ms=0)


def test_what_is_dead_while_slurm_shows_it_running_is_told_by_its_lock(scene: Scene) -> None:
    scene.program("scontrol", "echo 'BOOT_TIME = 2025-11-24T17:00:00'")
    with alive(scene):
        assert scene.verdict.of_ghost(ENTRY, RUNNING) is None
    end = scene.verdict.of_ghost(ENTRY, RUNNING)
    assert end and (end.state, end.fenced) == ("absent", True) and "n1" in end.words
    assert scene.verdict.of_ghost(ENTRY, replace(RUNNING, state="COMPLETING")) is None, "Slurm is about to tell"
    scene.program("scontrol", "echo 'BOOT_TIME = 2025-11-24T15:00:00'")
    scene.verdict.begin()
    assert scene.verdict.of_ghost(ENTRY, RUNNING) is None, "slurmctld has been there all the time"


def test_what_hangs_before_its_beginning_while_slurm_shows_it_running(scene: Scene) -> None:
    scene.program("scontrol", "echo 'BOOT_TIME = 2025-11-24T17:00:00'")
    scene.notes()
    end = scene.verdict.of_ghost(ENTRY, RUNNING)
    assert end and (end.state, end.started_ms) == ("absent", 0)
    assert scene.verdict.closed(ENTRY) and scene.spool.seal("t", "me")


def test_a_lock_of_a_node_whose_locks_never_come_here_proves_nothing(scene: Scene) -> None:
    scene.program("scontrol", "echo 'BOOT_TIME = 2025-11-24T17:00:00'")
    scene.notes(began=f"7 n1 {BEGAN}", life="")
    assert scene.verdict.of_ghost(ENTRY, RUNNING) is None


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
    (scene.spool.folder / "t0" / "end").write_text(f"0 {ENDED} 0 .")
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
    with alive(scene):
        assert lost(scene, missing(ORPHAN_MS * 100)) is None
        assert scene.verdict.of_silence(missing(ORPHAN_MS), NOW).state == "running"
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
