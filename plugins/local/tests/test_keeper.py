"""The keeper itself: it comes when needed and goes when not, and what is said to it cannot end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem
from shanyrak_local import lock, wire


def test_it_is_there_only_while_needed(plain, wait_for):
    assert not lock.held(plain.folder)
    plain.engine.observe(["a"])
    assert not lock.held(plain.folder)
    plain.run("a", "true")
    assert lock.held(plain.folder)
    plain.engine.close()
    wait_for(lambda: not lock.held(plain.folder), "the keeper leaves by itself")
    assert plain.see("a").exit_code == 0
    assert plain.run("b", "true").exit_code == 0


def test_it_stays_while_work_runs_and_nobody_is_connected(plain):
    plain.launch("a", "sh", "-c", "sleep 2; exit 3")
    plain.engine.close()
    assert plain.end("a").exit_code == 3


def test_a_bad_message_ends_the_connection_and_nothing_else(plain):
    plain.launch("a", "sleep", "60")
    for message in ({"op": "no-such"}, {"op": "launch", "jobs": [{"token": "x"}]}, {"op": "stop"}):
        sock = wire.connect(plain.folder)
        sock.settimeout(30)
        wire.send(sock, message)
        assert wire.receive(sock) is None
        sock.close()
    assert plain.see("a").state == "running"
    assert plain.run("b", "true").exit_code == 0


def test_a_keeper_that_hangs_stops_no_call_and_no_work(plain, wait_for):
    plain.make(timeout=0.5)
    plain.launch("a", "sh", "-c", "sleep 0.5; exit 3")
    keeper = plain.keeper()
    os.kill(keeper, signal.SIGSTOP)
    try:
        with pytest.raises(EngineProblem, match=r"the keeper in .*: it gave no answer in 0.5 s"):
            plain.launch("b", "sh", "-c", "echo once >> ran")
        plain.make(timeout=600).wait(0.2)
        assert plain.see("a").state == "running"
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert plain.end("a").exit_code == 3
    assert plain.run("b", "sh", "-c", "echo once >> ran").exit_code == 0
    assert (plain.work / "ran").read_text() == "once\n"


def test_sigterm_ends_the_attempts_in_order(plain, wait_for):
    plain.launch("a", "sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done")
    wait_for(lambda: plain.out("a"), "it runs")
    os.kill(plain.keeper(), signal.SIGTERM)
    seen = plain.end("a")
    assert (seen.cause, seen.exit_code, seen.fenced) == ("node", 3, True)
    wait_for(lambda: not lock.held(plain.folder), "the keeper has left")


def test_when_both_keeper_and_sub_reaper_are_killed_nothing_is_claimed(lab_of, mark, found, wait_for, kill):
    lab = lab_of("none")
    answer = lab.launch("a", "sh", "-c", f"setsid sleep {mark} & exec sleep {mark}")
    wait_for(lambda: found(mark), "it runs")
    worker = int(answer.handle.split("@")[0])
    os.kill(worker, signal.SIGSTOP)
    kill(lab.keeper())
    kill(worker)
    seen = lab.end("a")
    assert (seen.cause, seen.fenced) == ("node", False)
    for pid in found(mark):
        kill(pid)


def test_a_folder_with_a_long_path(plain, tmp_path):
    plain.folder = tmp_path / ("x" * 120) / ("y" * 120)
    plain.make()
    assert plain.run("a", "true").exit_code == 0


def test_a_folder_that_cannot_be_made_is_told(plain):
    plain.folder = Path("/proc/no/such")
    with pytest.raises(EngineProblem, match="/proc/no/such"):
        plain.make()
    plain.folder = plain.work


NOBODY = {"user": 65534, "group": 65534, "extra_groups": ()}

UNPRIVILEGED = """
import sys, time
from shanyrak.api import EngineContext, Launch
from shanyrak_local.engine import make
from shanyrak_local.settings import Settings
folder, kind = sys.argv[1:]
engine = make(EngineContext("p", folder + "/engine-" + kind, Settings(isolation=kind)))
script = "setsid sh -c '(setsid sleep 61.25 &)'; id -u; exit 143"
engine.launch([Launch("a", 1, 0, "", ("sh", "-c", script), {"PATH": "/usr/bin:/bin"}, {}, folder, (), (("n", 1),),
                      "cpu", 0, 0, 0, "nobody")])
while engine.observe(["a"])[0].state == "running":
    engine.wait(1)
seen = engine.observe(["a"])[0]
print(seen.exit_code, seen.fenced, engine.logs("a", "stdout", 0, 100).decode().strip(), seen.isolation[0])
"""


def usable(python: str, check: str, env: dict[str, str]) -> bool:
    """Whether another user can run this interpreter, with what the check imports."""
    try:
        return not subprocess.run([python, "-c", check], env=env, capture_output=True, cwd="/", **NOBODY).returncode
    except OSError:
        return False


@pytest.mark.parametrize(("kind", "word"), [("namespace", "pidns"), ("bwrap", "bwrap"), ("none", "subreaper")])
def test_without_any_privilege(tmp_path, works, found, kind, word):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests run unprivileged here")
    for folder in (tmp_path, *tmp_path.parents[:3]):  # one more where tests run side by side
        if folder.stat().st_uid == os.geteuid() and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    paths = [path for path in sys.path if path and not path.startswith(sys.base_prefix)]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(paths)}
    check = "import sys, pydantic, shanyrak; sys.exit(sys.version_info < (3, 11))"
    python = next((each for each in (sys.executable, "/usr/bin/python3") if usable(each, check, env)), None)
    if python is None:
        pytest.skip("no interpreter here can be used by another user")
    done = subprocess.run(
        [python, "-c", UNPRIVILEGED, str(folder), kind],
        env=env, cwd="/", capture_output=True, text=True, timeout=120, **NOBODY,
    )  # fmt: skip
    if "EngineProblem" in done.stderr and ("namespace" in done.stderr or "bwrap" in done.stderr):
        pytest.skip(f"not possible for an unprivileged user here: {done.stderr.splitlines()[-1]}")
    assert done.stdout.split() == ["143", "True", "65534", word], done.stderr
    assert found("61.25") == []
