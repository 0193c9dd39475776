"""The script of a job, run by sh as slurmd does: whatever is in a request arrives as it was, and a token starts once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from shanyrak.api import Launch
from shanyrak_slurm import script
from shanyrak_slurm.notes import Spool
from shanyrak_slurm.written import Note
from slurmlab.launches import PATH, launch
from slurmlab.office import until

NASTY = ["", " ", "a b", "it's", '"q"', "$HOME", "`id`", "$(id)", "\\", "\\n", "a\nb", "\ttab", "*", "~", "!x", "#", ";", "&&",
         "ж é 漢", "%s %d", "{x}", "-n", "--", "a'\"'b"]  # fmt: skip
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


def run(folder: Path, one: Launch, more: Mapping[str, str] | None = None, tasks: Sequence[tuple[str, int]] = ()) -> int:
    """Its exit code under sh, with what slurmd and sbatch set."""
    return begin(folder, one, more, tasks).wait(60)


def begin(
    folder: Path, one: Launch, more: Mapping[str, str] | None = None, tasks: Sequence[tuple[str, int]] = ()
) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    text = script.script(one, tasks or [(one.token, one.task)], str(folder))
    env = {**PATH, "TZ": "UTC", "SLURM_TIME_FORMAT": "standard", "SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}
    return subprocess.Popen(["/bin/sh", "-c", text], env=env | dict(more or {}), cwd="/", stderr=subprocess.DEVNULL)


def note(folder: Path, token: str = "t") -> Note:
    return Spool(folder, False).note(token, "")


def test_whatever_is_in_a_request_arrives_as_it_was(tmp_path: Path) -> None:
    env = {f"V{n}": text for n, text in enumerate(NASTY)} | PATH
    secrets = {"KEY": "s'e\"c\n$ret `x`", "PASSWORD": "ж\\"}
    one = launch("t", sys.executable, "-c", SHOW, *NASTY, env=env, secrets=secrets, task=3, workload=9)
    folder = tmp_path / "a spool's $place"
    values = {variable: secrets[name] for name, variable in script.secret_names(one).items()}
    assert run(folder, one, values) == 0
    argv, there = json.loads((folder / "t" / "stdout").read_text())
    assert argv == NASTY
    assert {name: there[name] for name in env} == env
    assert {name: there[name] for name in secrets} == secrets
    assert (there["SHANYRAK_JOB"], there["SHANYRAK_TASK"], there["SHANYRAK_NODES"], there["SHANYRAK_UNITS"]) == (
        "9", "3", "n-0", "1",
    )  # fmt: skip
    assert (
        not {name for name in there if name.startswith(("SHANYRAK_SECRET", "shanyrak_", "SLURM_TIME"))}
        and "TZ" not in there
    )


def test_a_secret_is_not_in_the_text() -> None:
    text = script.script(launch(secrets={"KEY": "topsecret"}), [("t", 0)], "/spool")
    assert "topsecret" not in text and "KEY" in text


@pytest.mark.parametrize("name", ["A B", "1A", "", "A=B", "A;id", "A\n", "é", "A-B"])
def test_what_cannot_name_a_variable_is_refused_in_words(name: str) -> None:
    assert repr(name) in script.fault(launch(env={name: "x"}))
    assert repr(name) in script.fault(launch(secrets={name: "x"}))


@pytest.mark.parametrize("wrong", [{"argv": ("a\0",)}, {"env": {"A": "\0"}}, {"secrets": {"A": "\0"}}, {"cwd": "/\0"}])
def test_a_zero_byte_is_refused_in_words(wrong: dict[str, object]) -> None:
    assert "zero byte" in script.fault(launch(**wrong))
    assert script.fault(launch()) == ""


def test_the_second_start_under_a_token_is_turned_away(tmp_path: Path) -> None:
    one = launch("t", "sh", "-c", f"echo ran >>{tmp_path}/runs")
    assert [run(tmp_path / "spool", one) for _ in range(3)] == [0, script.TURNED_AWAY, script.TURNED_AWAY]
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_of_many_at_once_one_starts(tmp_path: Path) -> None:
    one = launch("t", "sh", "-c", f"echo ran >>{tmp_path}/runs")
    codes = sorted(process.wait(60) for process in [begin(tmp_path / "spool", one) for _ in range(8)])
    assert codes == [0] + [script.TURNED_AWAY] * 7 and (tmp_path / "runs").read_text() == "ran\n"


def test_a_token_that_was_given_up_never_starts(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", False)
    assert spool.give_up("t", "") and spool.give_up("t", "")
    assert run(tmp_path / "spool", launch("t", "touch", f"{tmp_path}/ran")) == script.TURNED_AWAY
    assert not (tmp_path / "ran").exists() and spool.note("t", "").given_up


def test_a_spool_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    one = launch("t", "touch", f"{tmp_path}/ran")
    (tmp_path / "spool").write_text("a file")
    text = script.script(one, [("t", 0)], str(tmp_path / "spool"))
    done = subprocess.run(["/bin/sh"], input=text, text=True, env=PATH, capture_output=True, check=False)
    assert done.returncode == 1 and "cannot be written on" in done.stderr and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cwd": "/no/such place"}, "/no/such place cannot be entered"),
        ({"argv": ("no-such-$cmd",)}, "no-such-$cmd is not on"),
    ],
)
def test_what_can_never_start_is_noted_as_such(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    assert run(tmp_path / "spool", launch(**changes)) == 127
    said = note(tmp_path / "spool")
    assert words in said.launch and said.seen("t").cause == "launch"
    assert words in (tmp_path / "spool" / "t" / "stderr").read_text()


@pytest.mark.parametrize(
    ("command", "code", "seen"),
    [("exit 0", 0, (0, 0)), ("exit 7", 7, (7, 0)), ("kill -9 $$", 137, (None, 9)), ("kill -SEGV $$", 139, (None, 11))],
)
def test_codes_and_signals(tmp_path: Path, command: str, code: int, seen: tuple[int | None, int]) -> None:
    assert run(tmp_path / "spool", launch("t", "sh", "-c", command)) == code
    end = note(tmp_path / "spool").seen("t")
    assert (end.state, end.exit_code, end.signal, end.fenced) == ("ended", *seen, True)
    assert 0 < end.started_ms <= end.ended_ms


def test_its_end_is_noted_whatever_path_the_work_wants(tmp_path: Path) -> None:
    assert run(tmp_path / "spool", launch("t", "/bin/true", env={"PATH": "/nowhere"})) == 0
    assert note(tmp_path / "spool").ended_ms > 0


def test_sigterm_reaches_the_work_which_has_its_own_grace(tmp_path: Path) -> None:
    work = f'trap "sleep 0.3; echo bye >{tmp_path}/bye; exit 3" TERM; touch {tmp_path}/up; while :; do sleep 0.05; done'
    process = begin(tmp_path / "spool", launch("t", "sh", "-c", work))
    assert until(lambda: (tmp_path / "up").exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 3 and (tmp_path / "bye").exists()
    assert note(tmp_path / "spool").code == 3


def test_a_lock_tells_whether_it_lives(tmp_path: Path) -> None:
    process = begin(tmp_path / "spool", launch("t", "sleep", "60"))
    assert until(lambda: note(tmp_path / "spool").job == "7")
    assert note(tmp_path / "spool").lives is True
    child = int(
        subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()[0]
    )
    process.kill()
    process.wait()
    assert until(lambda: note(tmp_path / "spool").lives is False), "what it left behind does not hold the lock"
    os.kill(child, signal.SIGKILL)
    assert note(tmp_path / "spool").ended_ms == 0


def test_each_task_of_an_array_has_its_own_token(tmp_path: Path) -> None:
    tasks = [("a.0", 5), ("a.it's", 7), ("a.2", 90)]
    one = launch("a.0", "sh", "-c", "echo $SHANYRAK_TASK")
    for place in ("2", "0", "1"):
        assert run(tmp_path / "spool", one, {"SLURM_ARRAY_TASK_ID": place}, tasks) == 0
    assert {token: (tmp_path / "spool" / token / "stdout").read_text() for token, _ in tasks} == {
        "a.0": "5\n", "a.it's": "7\n", "a.2": "90\n",
    }  # fmt: skip


@pytest.mark.parametrize("note", ["began", "end"])
def test_a_full_disk_starts_nothing(tmp_path: Path, note: str) -> None:
    text = script.script(launch("t", "touch", f"{tmp_path}/ran"), [("t", 0)], str(tmp_path))
    text = text.replace(f'>"$shanyrak_note/{note}" || exit', ">/dev/full || exit")
    assert subprocess.run(["/bin/sh"], input=text, text=True, env=PATH, check=False).returncode == 1
    assert not (tmp_path / "ran").exists()


def test_the_note_of_the_end_takes_no_room_that_was_not_there_at_the_beginning(tmp_path: Path) -> None:
    look = f"stat -c '%i %s %b' {tmp_path}/spool/t/end"
    assert run(tmp_path / "spool", launch("t", "sh", "-c", look)) == 0
    there = (tmp_path / "spool" / "t" / "end").stat()
    before = (tmp_path / "spool" / "t" / "stdout").read_text().split()
    assert before == [str(there.st_ino), "64", str(there.st_blocks)] and there.st_size == 64


def test_the_end_is_noted_without_another_program(tmp_path: Path) -> None:
    """What is killed between the work's end and the note of it would run again: that must be no time at all."""
    text = script.script(launch("t", "true"), [("t", 0)], str(tmp_path))
    before, after = text.split("wait $shanyrak_child\n", 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    text = f"{before}wait $shanyrak_child\nshanyrak_path={empty}\n{after}"
    env = {**PATH, "SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}
    assert subprocess.run(["/bin/sh", "-c", text], env=env, check=False).returncode == 0
    assert note(tmp_path).ended_ms > 0


def test_of_a_tree_that_is_killed_as_a_whole_no_end_is_noted(tmp_path: Path) -> None:
    process = begin(tmp_path / "spool", launch("t", "sleep", "60"))
    assert until(lambda: note(tmp_path / "spool").job == "7")
    subprocess.run(["pkill", "-9", "-P", str(process.pid)], check=False)
    time.sleep(0.2)
    process.kill()
    process.wait()
    assert note(tmp_path / "spool").ended_ms == 0


def test_what_is_noted_has_the_time_that_no_clock_moves_and_slurms_own_start(tmp_path: Path) -> None:
    assert run(tmp_path / "spool", launch("t", "sleep", "0.2"), {"SLURM_JOB_START_TIME": "1764000000"}) == 0
    said = note(tmp_path / "spool")
    assert (said.job, said.node, said.start_ms) == ("7", "n1", 1764000000000) and said.ran_ms >= 190
    up = (tmp_path / "spool" / "t" / "began").read_text().split()[3]
    assert 0 < float(up) <= float(Path("/proc/uptime").read_text().split()[0])


def test_a_script_whose_beginning_was_noted_in_its_place_starts_nothing(tmp_path: Path) -> None:
    """It claimed the token, then hung, and was given up."""
    text = script.script(launch("t", "touch", f"{tmp_path}/ran"), [("t", 0)], str(tmp_path))
    text = text.replace(
        "shanyrak_clock() {",
        f"touch {tmp_path}/claimed; until [ -e {tmp_path}/go ]; do sleep 0.05; done\nshanyrak_clock() {{",
    )
    process = subprocess.Popen(["/bin/sh", "-c", text], env=PATH)
    assert until(lambda: (tmp_path / "claimed").exists())
    assert Spool(tmp_path, False).seal("t", "")
    (tmp_path / "go").touch()
    assert process.wait(60) == 1 and not (tmp_path / "ran").exists()


def test_who_looks_at_the_lock_at_that_moment_does_not_keep_it_from_the_script(tmp_path: Path) -> None:
    text = script.script(launch("t", "sleep", "60"), [("t", 0)], str(tmp_path))
    text = text.replace(
        "flock -n 9",
        'touch "$shanyrak_note/first"; while [ -e "$shanyrak_note/first" ]; do sleep 0.05; done; flock -n 9',
        1,
    )
    process = subprocess.Popen(["/bin/sh", "-c", text], env=PATH, stderr=subprocess.DEVNULL)
    assert until(lambda: (tmp_path / "t" / "first").exists())
    with (tmp_path / "t" / "life").open("r+") as looked:
        fcntl.flock(looked, fcntl.LOCK_EX)
        (tmp_path / "t" / "first").unlink()
        time.sleep(0.3)
    assert until(lambda: note(tmp_path).lives is True)
    subprocess.run(["pkill", "-P", str(process.pid)], check=False)
    process.wait(60)
