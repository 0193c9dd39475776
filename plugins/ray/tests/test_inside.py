"""Ray inside a job: what an allocation is made of, and a whole Ray brought up by a command and gone with it."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from shanyrak.api import Launch, Node, UnfitProblem
from shanyrak_ray.head import MARK, SHORT, ray_program, short_folder, sweep
from shanyrak_ray.inside import Part, here, played

SCRIPT = """
import json, os, ray
ray.init(log_to_driver=False)
@ray.remote(num_gpus=2)
def mine():
    return ",".join(sorted(os.environ["CUDA_VISIBLE_DEVICES"].split(",")))
print(json.dumps([len([n for n in ray.nodes() if n["Alive"]]), ray.cluster_resources()["GPU"], ray.get(mine.remote())]), flush=True)
"""

real = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'ray[default]'")


def test_an_allocation_of_gpus_on_one_machine_is_cut_into_its_nodes():
    environment = {"CUDA_VISIBLE_DEVICES": "4,5,6", "SHANYRAK_UNITS": "2,1", "SHANYRAK_NODES": "a,b"}
    assert played(environment, 8) == [Part(4, ("4", "5")), Part(4, ("6",))]
    assert played({"CUDA_VISIBLE_DEVICES": "0"}, 8) == [Part(8, ("0",))]


def test_an_allocation_of_cpus_has_its_units():
    assert played({"CUDA_VISIBLE_DEVICES": "", "SHANYRAK_UNITS": "3,3"}, 8) == [Part(3, ()), Part(3, ())]
    assert played({}, 8) == [Part(8, ())]


def test_a_node_of_slurm_has_what_slurm_shows():
    assert here({"SLURM_CPUS_ON_NODE": "12", "CUDA_VISIBLE_DEVICES": "0,1"}, 64) == Part(12, ("0", "1"))
    assert here({}, 64) == Part(64, ())


def test_without_a_command_it_says_how():
    done = subprocess.run([sys.executable, "-m", "shanyrak_ray.inside"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "-- python script.py" in done.stderr


def test_a_long_name_of_the_temporary_folder_is_a_short_one_for_ray(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with short_folder("ray-") as folder:
        assert len(str(folder)) <= SHORT and folder.is_symlink()
        (folder / "file").touch()
        assert [path.name for path in tmp_path.glob("ray-*/*")] == ["file"]
    assert not folder.is_symlink() and list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    with short_folder("ray-") as folder:
        assert folder.is_dir() and not folder.is_symlink()
    assert not folder.exists()


def test_a_ray_without_its_dashboard_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(UnfitProblem, match="not installed.*shanyrak-ray"):
        ray_program()
    (tmp_path / "ray").touch()
    monkeypatch.setattr("shanyrak_ray.head.find_spec", lambda name: None)
    with pytest.raises(UnfitProblem, match="without its dashboard"):
        ray_program()


def rays(mark: str) -> list[int]:
    """Live processes of a Ray that was started in an environment with this mark of the test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """A TMPDIR with a name short enough for Ray's sockets, which is also in the environment of all that is started with it."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="in-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start(short: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "shanyrak_ray.inside", "--object-store", str(100 << 20), "--", *command]
    env = {"PATH": os.environ["PATH"], "HOME": str(short), "TMPDIR": str(short), **environment}
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@real
@pytest.mark.engines
def test_a_script_finds_its_ray_and_its_exit_code_comes_back(short, wait_for):
    long = short / "the-temporary-folder-of-job-1234567-of-a-batch-system"
    long.mkdir()
    allocation = {
        "CUDA_VISIBLE_DEVICES": "4,5,6,7",
        "SHANYRAK_UNITS": "2,2",
        "SHANYRAK_NODES": "a,b",
        "TMPDIR": str(long),
        "PYTHONPATH": str(long),  # this, too, is in the environment of all that it starts
    }
    done = start(short, sys.executable, "-c", SCRIPT + "raise SystemExit(5)", **allocation)
    said, _ = done.communicate(timeout=900)
    assert done.returncode == 5, said
    assert '[2, 4.0, "4,5"]' in said or '[2, 4.0, "6,7"]' in said
    wait_for(lambda: not rays(str(short)), "nothing of Ray is left")
    assert list(long.iterdir()) == []


@real
@pytest.mark.engines
def test_two_of_them_do_not_meet(short, wait_for):
    script = "import os, ray; ray.init(log_to_driver=False); print('CPU', ray.cluster_resources()['CPU'], flush=True)"
    both = [start(short, sys.executable, "-c", script, SHANYRAK_UNITS=units) for units in ("2", "3")]
    said = [one.communicate(timeout=900)[0] for one in both]
    assert ["CPU 2.0" in said[0], "CPU 3.0" in said[1]] == [True, True], said
    wait_for(lambda: not rays(str(short)), "nothing of Ray is left")


@real
@pytest.mark.engines
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_nothing_of_ray_is_left(short, wait_for, number):
    going = start(short, "sh", "-c", f"touch {short}/up; exec sleep 600", SHANYRAK_UNITS="1")
    wait_for((short / "up").exists, "the script runs")
    assert len(rays(str(short))) > 3
    going.send_signal(number)
    going.communicate(timeout=900)
    assert going.returncode in (143, -signal.SIGKILL)
    sleeps = f"TMPDIR={short}"
    wait_for(lambda: [pid for pid in rays(sleeps) if b"sleep" not in cmdline(pid)] == [], "nothing of Ray is left")
    for pid in rays(sleeps):  # After SIGKILL the script itself is the engine's to end.
        os.kill(pid, signal.SIGKILL)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"sleep"


@real
@pytest.mark.engines
def test_as_work_of_the_engine_local(tmp_path, short, wait_for):
    """The first of its nodes starts the head; the engine's end of the attempt is the end of Ray."""
    local = pytest.importorskip("shanyrak_local.engine", reason="the plugin local is not installed")
    settings = pytest.importorskip("shanyrak_local.settings")
    from shanyrak.api import EngineContext

    nodes = (Node("g-0", 2, 2, 8 << 30), Node("g-1", 2, 2, 8 << 30))
    engine = local.make(EngineContext("gpu", str(tmp_path / "e"), settings.Settings(isolation="none"), nodes, "gpu"))
    command = (sys.executable, "-m", "shanyrak_ray.inside", "--object-store", str(100 << 20), "--")
    fields = {
        "workload": 1, "task": 0, "bundle": "", "env": {"PATH": os.environ["PATH"], "TMPDIR": str(short), "HOME": str(short)},
        "secrets": {}, "cwd": str(tmp_path), "outputs": (), "nodes": (("g-0", 2), ("g-1", 2)), "unit": "gpu", "cpus": 2,
        "memory": 4 << 30, "walltime_ms": 600_000, "user": pwd.getpwuid(os.getuid()).pw_name,
    }  # fmt: skip
    try:
        (good,) = engine.launch([Launch("t1", argv=(*command, sys.executable, "-c", SCRIPT), **fields)])
        assert not good.refused
        wait_for(lambda: engine.observe(["t1"])[0].state == "ended", "it ends")
        said = engine.logs("t1", "stdout", 0, 10_000).decode() + engine.logs("t1", "stderr", 0, 10_000).decode()
        assert engine.observe(["t1"])[0].exit_code == 0, said
        assert "[2, 4.0, " in said
        up = short / "up"
        engine.launch([Launch("t2", argv=(*command, "sh", "-c", f"touch {up}; exec sleep 600"), **fields)])
        wait_for(up.exists, "the script runs")
        engine.stop(["t2"])
        wait_for(lambda: engine.observe(["t2"])[0].state == "ended", "it is stopped")
        assert engine.observe(["t2"])[0].fenced and rays(f"TMPDIR={short}") == []
    finally:
        engine.stop(["t1", "t2"])
        engine.close()


@real
@pytest.mark.engines
def test_a_sweep_ends_what_has_its_mark_and_nothing_else():
    ours = subprocess.Popen(["sleep", "600"], env={MARK: "mark-of-this-test"}, start_new_session=True)
    other = subprocess.Popen(["sleep", "600"], env={MARK: "mark-of-this-test-too"})
    time.sleep(0.1)
    import threading

    threading.Thread(target=ours.wait).start()  # else it stays as a zombie, which has no environment any more
    sweep("mark-of-this-test")
    assert other.poll() is None
    other.kill()
    other.wait()
