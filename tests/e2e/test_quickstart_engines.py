"""The first run on other engines: the same work, the same account but for times, and nothing is left of what was brought up."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from day import day
from shanyrak.quickstart.plan import WORKLOADS
from tiny import install

REAL = ("slurm", "ray")
PATIENCE_S = 900.0
"""For a first run on an engine whose daemons share the processors with it, and with other tests."""


@pytest.fixture(scope="module")
def here(beside):
    """What a first run on this machine leaves."""
    made = beside("here")
    made.bare("quickstart", "--dir", made.folder, "--json", patience=PATIENCE_S)
    return day(made.folder)


@pytest.fixture
def tiny(shanyrak, tmp_path):
    """The command line with the plugin `tiny`, whose trial is a process."""
    packages = tmp_path / "packages"
    packages.mkdir()
    install(packages)
    shanyrak.env["PYTHONPATH"] = str(packages)
    return shanyrak


def brought_up(tiny) -> tuple[int, Path]:
    """Pid and folder of the daemon of the trial, once there is one."""
    note = tiny.folder.parent / "daemon"
    tiny.until(note.exists, "the trial is up", PATIENCE_S)
    pid, folder = note.read_text().split()
    return int(pid), Path(folder)


def gone(pid: int, folder: Path) -> bool:
    return not Path(f"/proc/{pid}").exists() and not folder.exists()


def same(answer: dict, folder: Path, here: dict) -> None:
    """The day on another engine is the day on this machine."""
    assert answer["account"]["balanced"], answer["account"]["faults"]
    there = day(folder)
    for part in here:
        assert there[part] == here[part], part
    assert len(there["work"]) == len(WORKLOADS)


def test_the_same_day_on_a_trial(tiny, here):
    answer = tiny.bare("quickstart", "--engine", "tiny", "--dir", tiny.folder, "--json", patience=PATIENCE_S)
    assert answer.line == "shanyrak: bringing up tiny on this machine, for this run"
    assert answer.json["engine"] == "tiny"
    same(answer.json, tiny.folder, here)
    assert gone(*brought_up(tiny))
    tiny("verify")
    assert "its work is run by tiny, not by local" in tiny.bare("quickstart", "--dir", tiny.folder, code=2).line


@pytest.mark.engines
@pytest.mark.parametrize("engine", REAL)
def test_the_same_day_on_an_engine(shanyrak, here, engine):
    answer = shanyrak.bare(
        "quickstart", "--engine", engine, "--dir", shanyrak.folder, "--json", code=None, patience=PATIENCE_S
    )
    told = answer.err.strip().splitlines()
    if "brings no trial" in answer.err or "no active plugin offers" in answer.err or answer.code == 6:
        pytest.skip(told[-1])
    assert answer.code == 0, answer.err
    same(answer.json, shanyrak.folder, here)
    shanyrak("verify")


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("missing", 6, "shanyrak: tiny: the program `tinyd` is not installed. Install it."),
        ("breaks", 3, "plugin tiny: the trial of its engine tiny could not be brought up (ZeroDivisionError: boom)"),
        ("no cpus", 3, "no pool counts `cpu`"),
        ("no pool", 3, "memory: it is missing"),
        ("no cpus stays", 3, "could not be stopped (TimeoutError: it does not answer)"),
        ("another", 3, "a pool has another engine than tiny"),
    ],
)
def test_a_trial_that_cannot_serve_is_one_line(tiny, how, code, words):
    answer = tiny.bare("quickstart", "--engine", "tiny", "--dir", tiny.folder, code=code, TINY=how)
    first, second = answer.err.splitlines()
    assert "bringing up tiny" in first
    assert words in second
    if how not in ("missing", "breaks"):
        pid, folder = brought_up(tiny)
        assert not Path(f"/proc/{pid}").exists()
        assert folder.exists() == ("stays" in how), "what may tell why it could not be stopped is kept"
    assert not (tiny.folder / "commons.toml").exists()


@pytest.mark.parametrize(
    ("engine", "code", "words"),
    [
        ("tni", 3, "no active plugin offers the engine `tni`"),
        ("bare", 2, "--engine bare: this engine brings no trial with it"),
    ],
)
def test_an_engine_without_a_trial_is_one_line(tiny, engine, code, words):
    assert words in tiny.bare("quickstart", "--engine", engine, "--dir", tiny.folder, code=code).line


def test_a_folder_that_is_used_is_one_line_and_nothing_is_brought_up(tiny, pristine):
    answer = tiny.bare("quickstart", "--engine", "tiny", "--dir", pristine.folder, code=2)
    assert "it is a workspace already" in answer.line
    assert not (tiny.folder.parent / "daemon").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_the_middle_it_leaves_nothing_up(tiny, number, code):
    process = tiny.start("quickstart", "--engine", "tiny", "--dir", tiny.folder)
    daemon = brought_up(tiny)
    line = process.stdout.readline()
    assert "running 13 workloads" in line
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert gone(*daemon)
