"""The throw-away Slurm itself: several at once, hurt and mended, and nothing left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.trial import Cluster, lacking, trial
from shanyrak_slurm.trial.leftovers import left

pytestmark = pytest.mark.skipif(bool(lacking()), reason=f"Slurm's {lacking()} is not installed here")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slurm-") as path:
        yield Path(path)


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_two_side_by_side_do_not_meet(folder: Path) -> None:
    with Cluster(folder / "a") as one, Cluster(folder / "b", nodes=1, units=4) as other:
        assert not set(one.nodes) & set(other.nodes)
        assert one.run("sinfo", "-h", "-N", "-o", "%N %T %G").split() == [
            word for node in one.nodes for word in (node, "idle", "gpu:h200:8")
        ]
        assert other.run("sinfo", "-h", "-N", "-o", "%T %G").split() == ["idle", "gpu:h200:4"]
        one.run("sbatch", "-J", "mine", "--wrap", "sleep 60", "-o", "/dev/null")
        assert other.run("squeue", "-h") == ""


def test_nothing_is_left_of_jobs_that_hide(folder: Path) -> None:
    with Cluster(folder) as cluster:
        # One in its own session and, where groups are tracked, one that also forgot its environment.
        wiped = "env -i" if cluster.tracks else ""
        script = f"setsid sleep 301 & echo $!; (setsid {wiped} sleep 302 & echo $!); sleep 303"
        cluster.run("sbatch", "--gres=gpu:1", "-o", f"{cluster.shared}/pids", "--wrap", script)
        assert until(
            lambda: (cluster.shared / "pids").exists() and len((cluster.shared / "pids").read_text().split()) == 2
        )
        pids = [int(word) for word in (cluster.shared / "pids").read_text().split()]
        assert all(lives(pid) for pid in pids)
        nodes = cluster.nodes
        cluster.kill("slurmd.n1")  # nobody is there to end them
    assert not any(lives(pid) for pid in pids)
    assert left(folder, nodes) == set()
    assert not [path for node in nodes for path in Path("/sys/fs/cgroup").glob(f"*/slurm_{node}")]


def test_what_leaves_its_session_is_gone_after_scancel(cluster: Cluster) -> None:
    if not cluster.tracks:
        pytest.skip("no freezer group can be made here: Slurm cannot track what leaves its session")
    file = cluster.shared / "escaped"
    job = cluster.run(
        "sbatch", "--parsable", "-o", str(file), "--wrap", "setsid sleep 304 & echo $!; sleep 305"
    ).strip()
    assert until(lambda: file.exists() and bool(file.read_text().strip()))
    pid = int(file.read_text())
    assert lives(pid)
    cluster.run("scancel", job)
    assert until(lambda: not lives(pid))


def test_daemons_are_killed_and_come_back(folder: Path) -> None:
    with Cluster(folder, nodes=1) as cluster:
        job = cluster.run("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "sleep 300").strip()
        before = cluster.pid("slurmctld")
        cluster.kill("slurmctld", signal.SIGTERM)  # it writes what it knows at its end
        assert cluster.pid("slurmctld") == 0
        cluster.begin("slurmctld")
        assert cluster.pid("slurmctld") not in (0, before)
        assert cluster.run("squeue", "-h", "-o", "%A").split() == [job]
        cluster.kill("slurmctld", signal.SIGSTOP)
        assert cluster.pid("slurmctld")  # it hangs, and is ended all the same


def test_when_its_process_is_killed_all_of_it_goes(folder: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from shanyrak_slurm.trial import Cluster\n"
        f"cluster = Cluster(Path({str(folder)!r})); cluster.start()\n"
        "cluster.run('sbatch', '-o', '/dev/null', '--wrap', 'sleep 306')\n"
        "print(*cluster.nodes, flush=True); time.sleep(300)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    nodes = starter.stdout.readline().split()
    daemons = [int(note.read_text().split()[0]) for note in (folder / "run").glob("*.started")]
    assert len(nodes) == 2 and len(daemons) == 4 and all(lives(pid) for pid in daemons)
    starter.kill()
    starter.wait()
    assert until(lambda: not any(lives(pid) for pid in daemons))
    assert until(lambda: left(folder, nodes) == set())
    assert until(lambda: not [path for node in nodes for path in Path("/sys/fs/cgroup").glob(f"*/slurm_{node}")])


def test_a_start_that_fails_leaves_nothing(folder: Path) -> None:
    cluster = Cluster(folder, nodes=1, settings={"SchedulerType": "sched/none-such"})
    with pytest.raises(EngineProblem, match="slurmctld of the trial Slurm: it ended"):
        cluster.start()
    assert left(folder, cluster.nodes) == set()
    assert not [note for note in (folder / "run").glob("*.started") if lives(int(note.read_text().split()[0]))]


def test_a_long_path_is_no_trouble(folder: Path) -> None:
    with Cluster(folder / ("long" * 30), nodes=1) as cluster:
        link = cluster.conf.parents[1]
        assert link.is_symlink()
        assert cluster.run("sinfo", "-h", "-o", "%T").split() == ["idle"]
    assert not link.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs jobs of other users")
def test_users_of_the_cluster(accounting: Cluster) -> None:
    said = accounting.run("sacctmgr", "-n", "-P", "show", "assoc", "format=account,user")
    assert {"default|root", "default|nobody", "default|daemon"} <= set(said.split())
    job = accounting.run("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "id -u", user="nobody").strip()
    assert until(lambda: "COMPLETED" in accounting.run("sacct", "-n", "-X", "-j", job, "-o", "state"))
    assert accounting.run("sacct", "-n", "-P", "-X", "-j", job, "-o", "user,account").split() == ["nobody|default"]


def test_what_a_workspace_must_say_to_use_it(folder: Path) -> None:
    with trial(folder) as there:
        assert [(pool["engine"], pool["unit"], pool["nodes"], pool["units"]) for pool in there.pools] == [
            ("slurm", "gpu", 2, 8),
            ("slurm", "cpu", 1, len(os.sched_getaffinity(0))),
        ]
        settings = Settings.model_validate(there.settings)
        assert Slurm(settings).run("sinfo", "-h", "-o", "%D %T").split() == ["2", "idle"]
        assert Path(settings.spool).is_dir()
