"""The program of the nodes, as Ray runs it: what becomes of a command, by the spool alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shanyrak_ray.node import leases
from shanyrak_ray.node.files import Home, machine


def test_exit_code_signal_and_a_command_that_is_not_there(lab):
    assert (lab.run("t1", "sh", "-c", "exit 7").exit_code, lab.see("t1").cause) == (7, "")
    killed = lab.run("t2", "sh", "-c", "kill -KILL $$")
    assert (killed.exit_code, killed.signal, killed.cause) == (None, 9, "")
    assert lab.run("t3", "no-such-program").words == "command not found: no-such-program"
    assert lab.run("t4", "/etc/passwd").cause == "launch"
    assert "working folder" in lab.run("t5", "true", cwd="/no/such").words
    assert all(lab.see(token).fenced for token in ("t1", "t2", "t3", "t4", "t5"))


def test_the_environment_is_exactly_the_launch(lab):
    seen = lab.run("t1", sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))", env={"A": "b é"})
    assert seen.exit_code == 0
    found = json.loads(lab.out("t1"))
    found.pop("LC_CTYPE", None)  # Python's own
    assert found == {
        "A": "b é", "CUDA_VISIBLE_DEVICES": "3,5", "SHANYRAK_JOB": "7", "SHANYRAK_TASK": "3",
        "SHANYRAK_NODES": "gpu-0", "SHANYRAK_UNITS": "2",
    }  # fmt: skip


def test_work_in_cpu_units_has_no_gpus(lab):
    lab.run("t1", "sh", "-c", "echo [$CUDA_VISIBLE_DEVICES]", unit="cpu")
    assert lab.out("t1") == "[]\n"


def test_secrets_come_by_the_socket_and_are_in_no_file(lab, player):
    turned = "printf %s $S | rev"
    seen = lab.run("t1", "sh", "-c", turned, secrets={"S": "s3cret-value"})
    assert (seen.exit_code, lab.out("t1")) == (0, "eulav-terc3s")
    files = [path for path in lab.folder.rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"s3cret-value" in path.read_bytes()]
    assert "s3cret-value" not in json.dumps(player.posts()), "nor does Ray get it"


def test_secrets_that_are_gone_with_their_engine_are_said_so(lab, monkeypatch):
    lab.engine.launch([lab.build("t1", "true", secrets={"S": "x"})])
    lab.engine.close()
    after = lab.make()
    lab.engine = after
    front = lab.front("t1")
    home = Home(str(lab.folder), "t1")
    while not home.there("note"):
        assert front.poll() is None
    assert (lab.see("t1").state, "secrets" in lab.see("t1").words) == ("pending", True)
    after.launch(
        [lab.build("t1", "sh", "-c", "exit 4", secrets={"S": "x"})]
    )  # as a controller does that heard no answer
    assert after.observe(["t1"])[0].state == "pending"
    after.stop(["t1"])
    front.wait(300)
    assert (lab.see("t1").cause, lab.see("t1").ran_ms) == ("stopped", 0)


def test_walltime_memory_and_a_stop_are_told_apart(lab):
    late = lab.run("t1", "sleep", "60", walltime_ms=500)
    assert (late.cause, late.fenced) == ("walltime", True) and late.ran_ms >= 500
    eater = "x = b'x' * 300_000_000\nimport time\ntime.sleep(60)"
    large = lab.run("t2", sys.executable, "-c", eater, memory=100_000_000)
    assert large.cause == "memory" and large.peak_memory > 100_000_000


def test_what_ignores_the_walltime_is_killed_after_the_grace(lab):
    seen = lab.run("t1", "sh", "-c", "trap '' TERM; while :; do sleep 1; done", walltime_ms=300)
    assert (seen.cause, seen.signal) == ("walltime", signal.SIGKILL) and seen.ran_ms >= 1_300


def test_a_stop_ends_what_got_away_too(lab, wait_for):
    (lab.folder / "seen").mkdir()
    got_away = (
        "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n"
        "  while 1:\n   open('beat', 'w').close(); time.sleep(0.05)\ntime.sleep(60)"
    )
    lab.engine.launch([lab.build("t1", sys.executable, "-c", got_away, cwd=str(lab.folder / "seen"))])
    front = lab.front("t1")
    beat = lab.folder / "seen" / "beat"
    wait_for(beat.exists, "the child that got away runs")
    assert lab.see("t1").state == "running"
    lab.engine.stop(["t1"])
    front.wait(300)
    assert (lab.see("t1").cause, lab.see("t1").fenced) == ("stopped", True)
    beat.unlink()
    subprocess.run(["sleep", "0.3"], check=True)
    assert not beat.exists()


def test_what_a_command_leaves_behind_ends_with_it(lab):
    """In a session of its own, with the command's output still open: it holds up nothing, and beats no more."""
    leaves = (
        "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n"
        "  while 1:\n   open('beat', 'w').close(); time.sleep(0.05)\n"
        "while not os.path.exists('beat'): time.sleep(0.05)\nraise SystemExit(4)"
    )
    seen = lab.run("t1", sys.executable, "-c", leaves)
    assert (seen.exit_code, seen.cause, seen.fenced) == (4, "", True)
    (lab.folder / "beat").unlink()
    subprocess.run(["sleep", "0.3"], check=True)
    assert not (lab.folder / "beat").exists()


def test_a_stop_through_ray_is_told_as_that(lab, wait_for):
    lab.engine.launch([lab.build("t1", "sleep", "60")])
    front = lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    front.terminate()
    front.wait(300)
    seen = lab.see("t1")
    assert seen.cause == "stopped" and "not through Shanyrak" in seen.words


def test_what_runs_outlives_ray_and_its_end_is_known(lab, wait_for):
    lab.engine.launch([lab.build("t1", "sh", "-c", "sleep 1; exit 5")])
    front = lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    front.kill()  # as Ray does when the process above it dies
    front.wait(300)
    assert lab.see("t1").state == "running"
    wait_for(lambda: lab.see("t1").state == "ended", "it ends by itself")
    assert lab.see("t1").exit_code == 5


def test_a_dead_keeper_is_the_death_of_its_node(lab, wait_for):
    lab.engine.launch([lab.build("t1", "sleep", "60")])
    lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    isolation = lab.see("t1").isolation
    os.kill(lab.keeper("t1"), signal.SIGKILL)
    wait_for(lambda: lab.see("t1").state == "ended", "its death is seen")
    seen = lab.see("t1")
    assert (seen.cause, seen.fenced) == ("node", isolation == ("pidns",))
    lab.engine = lab.make()
    assert lab.see("t1") == seen, "the end is written, and stays what it was"


def test_a_token_starts_once_whoever_runs_its_command_line(lab):
    lab.engine.launch([lab.build("t1", "sh", "-c", f"echo start >> {lab.folder / 'starts'}")])
    fronts = [lab.front("t1") for _ in range(4)]
    for front in fronts:
        front.wait(300)
    assert (lab.folder / "starts").read_text() == "start\n"
    assert lab.see("t1").exit_code == 0


def test_what_was_stopped_while_it_waited_never_starts(lab):
    lab.engine.launch([lab.build("t1", "touch", str(lab.folder / "began"))])
    lab.engine.stop(["t1"])
    assert (lab.see("t1").state, lab.see("t1").fenced) == ("absent", True)
    lab.front("t1").wait(300)
    assert not (lab.folder / "began").exists()
    lab.front("never-launched").wait(300)
    assert lab.see("never-launched").state == "absent"


def test_logs_keep_what_they_may_and_say_what_is_missing(lab):
    lab.settings = lab.settings.model_copy(update={"log_limit": 4096})
    lab.engine = lab.make()
    lab.run("t1", sys.executable, "-c", "print('x' * 10_000)")
    assert lab.out("t1").startswith("x" * 4096 + "\n[shanyrak: 5905 bytes of this log were not kept]")
    assert lab.engine.logs("t1", "stdout", -3, 100) == b"t]\n"


def test_gpus_of_work_that_outlived_a_head_are_not_given_twice(lab, wait_for):
    """A new head gives out the same GPUs again: who comes second takes others."""
    lab.engine.launch([lab.build("t1", "sleep", "60")])
    first = lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    first.kill()
    lab.run("t2", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES")
    taken = set(lab.out("t2").strip().split(","))
    assert len(taken) == 2 and not taken & {"3", "5"}
    lab.engine.stop(["t1"])
    wait_for(lambda: lab.see("t1").state == "ended", "it is stopped")
    lab.run("t3", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES")
    assert lab.out("t3") == "3,5\n"


def test_leases_are_all_or_nothing(tmp_path):
    held = leases.take(str(tmp_path), ["0", "1"], ["0", "1", "2"])
    assert held == ["0", "1"]
    code = f"from shanyrak_ray.node import leases; print(leases.take({str(tmp_path)!r}, ['1', '2'], ['0', '1', '2']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def test_on_a_full_disk_what_runs_can_be_stopped(lab, wait_for):
    """No process of ours may write a byte to a file: the stop needs none."""
    lab.engine.launch([lab.build("t1", "sleep", "60")])
    front = lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    code = (
        "import resource, sys; from shanyrak_ray.node.files import Home; home = Home(*sys.argv[1:])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: home.write('x', {})\nexcept OSError: home.stop()"
    )
    subprocess.run([sys.executable, "-c", code, str(lab.folder), "t1"], check=True)
    front.wait(300)
    assert (lab.see("t1").cause, lab.see("t1").words) == ("stopped", "stopped")


def test_a_file_for_which_there_is_no_room_is_not_there_in_part(tmp_path):
    """A disk that fills up takes a part of a write first."""
    Home(str(tmp_path), "t1").make()
    code = (
        "import resource, sys; from shanyrak_ray.node.files import Home; home = Home(*sys.argv[1:])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: home.write('launch.json', {'argv': 'x' * 10_000})\nexcept OSError as problem: print(problem)"
    )
    words = [sys.executable, "-c", code, str(tmp_path), "t1"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert os.listdir(Home(str(tmp_path), "t1").path) == []  # noqa: PTH208


def test_a_claim_whose_answer_was_lost_is_ours(tmp_path, monkeypatch):
    """A file server that is asked twice for one link says that it is there already."""
    home, link = Home(str(tmp_path), "t1"), os.link
    home.make()

    def twice(old: str, new: str) -> None:
        link(old, new)
        link(old, new)

    monkeypatch.setattr(os, "link", twice)
    assert home.claim({"by": "node"})
    monkeypatch.undo()
    assert not home.claim({"by": "engine"}) and home.read("claim.json") == {"by": "node"}
    assert sorted(os.listdir(home.path)) == ["claim.json"]  # noqa: PTH208


def test_ray_has_its_room_back_while_an_end_cannot_be_written(lab, wait_for):
    """The spool is away when the work ends; its end is written as soon as that is back."""
    lab.engine.launch(
        [lab.build("t1", "sh", "-c", "until [ -e go ]; do sleep 0.1; done; exit 6", cwd=str(lab.folder.parent))]
    )
    front = lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    away = lab.folder.with_name("away")
    lab.folder.rename(away)
    (lab.folder.parent / "go").touch()
    front.wait(300)
    away.rename(lab.folder)
    wait_for(lambda: lab.see("t1").state == "ended", "its end is written")
    assert lab.see("t1").exit_code == 6


def test_work_whose_folder_was_removed_ends_and_leaves_no_keeper(lab, wait_for):
    lab.engine.launch([lab.build("t1", "sh", "-c", "until [ -e go ]; do sleep 0.1; done", cwd=str(lab.folder.parent))])
    front = lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    keeper = lab.keeper("t1")
    shutil.rmtree(Home(str(lab.folder), "t1").path)
    (lab.folder.parent / "go").touch()
    front.wait(300)
    wait_for(lambda: not Path(f"/proc/{keeper}").exists(), "its keeper goes")


def test_an_order_that_is_not_seen_is_said_so(lab):
    """A node that has another folder under the spool's name."""
    lab.engine.launch([lab.build("t1", "true")])
    os.unlink(Home(str(lab.folder), "t1").at("launch.json"))  # noqa: PTH108
    front = lab.front("t1")
    said, _ = front.communicate(timeout=300)
    assert front.returncode == 1 and "is the spool there the controller's?" in said


def test_what_ran_before_the_machine_was_started_anew_is_dead(lab, monkeypatch):
    lab.engine.launch([lab.build("t1", "true"), lab.build("t2", "true"), lab.build("t3", "true")])
    here, booted = machine(), lab.engine.watch.booted
    for token, at, where in (
        ("t1", booted - 9000, {}),
        ("t2", booted + 9000, {}),
        ("t3", booted - 9000, {"machine": "x"}),
    ):
        home = Home(str(lab.folder), token)
        assert home.claim({"by": "node", "at": at, "pid": os.getpid(), "start": 1, **here, "boot": "before", **where})
        home.write("start.json", {"at": at, "isolation": ["subreaper"]})
    dead, beats, other = lab.engine.observe(["t1", "t2", "t3"])
    assert (dead.state, dead.cause, dead.fenced) == ("ended", "node", True) and "started anew" in dead.words
    assert beats.state == "running", "it gave a sign of life since: another machine with this one's names"
    assert other.state == "running"


def test_a_full_disk_loses_no_end(lab, monkeypatch, tmp_path):
    """Room for the end is taken before the start; without it nothing starts."""
    home = Home(str(tmp_path), "t9")
    home.make()
    part = home.part({}, 4096)
    assert Path(part).stat().st_size == 4096
    home.end({"words": "é" * 1500}, part)
    assert Path(home.at("end.json")).stat().st_size >= 4096 and home.read("end.json") == {"words": "é" * 1500}


def test_work_on_another_machine_that_says_nothing_is_unknown(lab, monkeypatch):
    lab.settings = lab.settings.model_copy(update={"silence": 15.0})
    lab.engine = lab.make()
    lab.engine.launch([lab.build("t1", "sleep", "60")])
    home = Home(str(lab.folder), "t1")
    assert home.claim(
        {"by": "node", "at": 1, "pid": 1, "start": 1, "host": "far", "machine": "m", "boot": "b", "pids": "p"}
    )
    home.write("start.json", {"at": 1000, "isolation": ["pidns"]})
    clock = [100.0]
    monkeypatch.setattr("shanyrak_ray.watch.time.monotonic", lambda: clock[0])
    assert lab.see("t1").state == "running"
    clock[0] += 16
    seen = lab.see("t1")
    assert seen.state == "unknown" and "far" in seen.words
    Path(home.at("beat")).touch()
    assert lab.see("t1").state == "running", "and known again with the next sign"


@pytest.mark.parametrize("python", ["/usr/bin/python3"])
def test_the_program_needs_nothing_but_a_python(lab, python):
    if not Path(python).exists():
        pytest.skip(f"{python} is not there")
    lab.engine.launch([lab.build("t1", "true")])
    words = [python, "-I", "-S", str(lab.program), str(lab.folder), "t1"]
    done = subprocess.run(words, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert lab.see("t1").exit_code == 0
