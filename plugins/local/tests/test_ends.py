"""How an attempt ends, told apart: exit code, signal, walltime, memory, stop, and what cannot start at all."""

from __future__ import annotations

import sys
import time

import pytest
from shanyrak.api import Node

HOG = "import time; kept = bytearray(200 << 20); time.sleep(60)"


def test_exit_code_logs_and_times(lab):
    before = time.time_ns() // 1_000_000
    seen = lab.run("a", "sh", "-c", "echo out; echo err >&2; sleep 0.2; exit 3")
    after = time.time_ns() // 1_000_000
    assert (seen.state, seen.exit_code, seen.signal, seen.cause, seen.fenced) == ("ended", 3, 0, "", True)
    assert before - 1 <= seen.started_ms <= seen.ended_ms <= after + 1
    assert 200 <= seen.ran_ms <= after - before + 1
    assert lab.out("a") == "out\n"
    assert lab.out("a", "stderr") == "err\n"


@pytest.mark.parametrize("code", [0, 1, 127, 137, 143, 255])
def test_every_exit_code_is_the_commands_own(lab, code):
    seen = lab.run("a", "sh", "-c", f"exit {code}")
    assert (seen.exit_code, seen.signal) == (code, 0)


@pytest.mark.parametrize("number", [9, 11, 15])
def test_a_signal_is_not_an_exit_code(lab, number):
    seen = lab.run("a", "sh", "-c", f"kill -{number} $$")
    assert (seen.exit_code, seen.signal, seen.cause) == (None, number, "")


def test_walltime(lab):
    seen = lab.run("a", "sleep", "60", walltime_ms=300)
    assert (seen.cause, seen.signal) == ("walltime", 15)
    assert 300 <= seen.ran_ms < 60_000
    assert "walltime" in seen.words


def test_walltime_kills_what_ignores_sigterm(lab):
    seen = lab.run("a", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", walltime_ms=300)
    assert (seen.cause, seen.signal) == ("walltime", 9)
    assert seen.ran_ms >= 800


def test_memory_limit(lab):
    seen = lab.run("a", sys.executable, "-c", HOG, memory=100 << 20)
    assert (seen.cause, seen.signal) == ("memory", 9)
    assert seen.peak_memory > 100 << 20


def test_memory_is_counted_over_the_whole_tree(plain):
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {HOG!r}]).wait()"
    seen = plain.run("a", sys.executable, "-c", program, memory=150 << 20)
    assert seen.cause == "memory"


def test_memory_below_the_limit_is_measured(plain):
    seen = plain.run("a", sys.executable, "-c", HOG.replace("60", "1"), memory=400 << 20)
    assert (seen.cause, seen.exit_code) == ("", 0)
    assert seen.peak_memory > 200 << 20


def test_cpu_time_is_measured(plain):
    seen = plain.run("a", sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass")
    assert 400 <= seen.cpu_ms < 30_000


def test_stop(lab):
    lab.launch("a", "sleep", "60")
    assert lab.see("a").state == "running"
    lab.engine.stop(["a"])
    seen = lab.end("a")
    assert (seen.cause, seen.signal, seen.fenced) == ("stopped", 15, True)


def test_a_command_may_use_the_grace_time(lab):
    lab.make(grace=20)
    lab.launch("a", "sh", "-c", "trap 'echo saved; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    while lab.out("a") != "up\n":
        time.sleep(0.01)
    lab.engine.stop(["a"])
    seen = lab.end("a")
    assert (seen.cause, seen.exit_code) == ("stopped", 0)
    assert lab.out("a") == "up\nsaved\n"


def test_stop_of_an_ended_one_changes_nothing(plain):
    seen = plain.run("a", "true")
    plain.engine.stop(["a"])
    plain.engine.stop(["a"])
    assert plain.see("a") == seen
    assert plain.run("b", "true").exit_code == 0


def test_stop_before_launch_fences(plain):
    plain.engine.stop(["a"])
    answer = plain.launch("a", "touch", "ran")
    assert "stopped" in answer.refused and not answer.user_fault
    seen = plain.see("a")
    assert (seen.state, seen.fenced) == ("absent", True)
    assert not (plain.work / "ran").exists()


@pytest.mark.parametrize(
    ("argv", "changes", "words"),
    [
        (("no-such-command",), {}, "command not found: no-such-command"),
        (("./nothing",), {}, "command not found: ./nothing"),
        (("/",), {}, "command may not be run: /"),
        ((), {}, "no command was given"),
        (("true", "a\0b"), {}, "zero byte"),
        (("true",), {"cwd": "/no/such/folder"}, "working folder does not exist: /no/such/folder"),
        (("true",), {"cwd": "/etc/passwd"}, "working folder is not a folder"),
        (("true",), {"cwd": "relative"}, "not an absolute path"),
        (("true",), {"env": {"PATH": "/nowhere"}}, "command not found: true"),
        (("true",), {"env": {"A=B": "c"}}, "not a name"),
    ],
)
def test_what_can_never_start_is_refused_in_words(plain, argv, changes, words):
    answer = plain.launch("a", *argv, **changes)
    assert words in answer.refused
    assert answer.user_fault
    assert plain.see("a").state == "absent"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": (("n0", 4), ("n1", 5))}, "5 cpu units asked for on node n1, which has 4"),
        ({"cpus": 5}, "5 CPUs asked for on node n0, which has 4"),
        ({"memory": 1 << 31}, "2147483648 bytes of memory asked for on node n0, which has 1073741824"),
        ({"unit": "gpu", "nodes": (("n0", 5),)}, "5 gpu units asked for on node n0, which has 4"),
    ],
)
def test_more_than_a_node_has_is_refused_at_once(plain, changes, words):
    plain.make((Node("n0", 4, 4, 1 << 30), Node("n1", 4, 4, 1 << 30)))
    answer = plain.launch("a", "true", **{"nodes": (("n0", 1),), **changes})
    assert answer.refused == words and answer.user_fault
    assert plain.run("b", "true", nodes=(("n0", 4),), cpus=4, memory=1 << 30).exit_code == 0


def test_a_file_that_is_no_program_is_refused_in_words(lab):
    for name, text, words in (("text", "hello", "first line"), ("script", "#!/no/interp\n", "not found")):
        (lab.work / name).write_text(text)
        (lab.work / name).chmod(0o755)
        if lab.kind == "bwrap":
            continue
        answer = lab.launch(name, f"./{name}")
        assert words in answer.refused and answer.user_fault


def test_unknown_tokens_are_absent(plain):
    assert [seen.state for seen in plain.engine.observe(["x", "y"])] == ["absent", "absent"]
