"""Record what the Slurm of this machine prints, as the plugin asks it: `python record.py`, as root, in about two minutes.

It starts a trial Slurm with accounts, puts jobs of all kinds in it, and writes a folder with the name of its version beside
this file. What a machine is called does not get in; numbers of jobs, nodes and times are those of the run.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shanyrak_slurm import cli, past
from shanyrak_slurm.bring import sacct
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.config import configured
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.trial import Cluster

LAST = "5ca1ab1e"
"""What ends squeue's records here; the plugin takes another one for each call."""
CONFIG = (
    "AccountingStorageEnforce", "AccountingStorageTRES", "AccountingStorageType", "BOOT_TIME", "ClusterName", "GresTypes",
    "JobRequeue", "MaxArraySize", "MaxJobCount", "MinJobAge", "PriorityType", "ProctrackType",
)  # fmt: skip
"""What the plugin reads of slurmctld's configuration, most of which is paths and names of the machine."""
SITE = {"PreemptType": "preempt/partition_prio", "PreemptMode": "CANCEL", "Licenses": "matlab:1"}
LINES = ("PartitionName=urgent Nodes=ALL PriorityTier=10 MaxTime=UNLIMITED",)
SLEEP = "sleep 600"


class Recorder(Slurm):
    """Keeps what each program printed last."""

    said: dict[str, str]

    def run(self, program: str, *arguments: str, **how: Any) -> str:
        text = super().run(program, *arguments, **how)
        self.said = {**getattr(self, "said", {}), program: text}
        return text


class Scene:
    """Jobs by the names that tests know them by."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.ids: dict[str, str] = {}

    def submit(self, name: str, *options: str, script: str = SLEEP, user: str | None = None) -> None:
        call = ("sbatch", "--parsable", "--no-requeue", "-J", name, "-o", "/dev/null", "-D", "/", *options)
        self.ids[name] = self.cluster.run(*call, user=user, stdin=f"#!/bin/sh\n{script}\n").strip()

    def do(self, *call: str) -> None:
        self.cluster.run(*call)

    def states(self) -> dict[str, str]:
        lines = self.cluster.run("squeue", "-h", "-a", "-t", "all", "-o", "%A %T").splitlines()
        found = dict(line.split() for line in lines)
        return {name: found.get(id_, "") for name, id_ in self.ids.items()}

    def until(self, **states: str) -> None:
        self.wait(lambda: self.states().items() >= states.items(), f"{states}, not {self.states()}")

    def wait(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 200
        while not true():
            if time.monotonic() > end:
                sys.exit(f"This Slurm did not come to {what}")
            time.sleep(0.2)


def play(scene: Scene) -> None:
    """Until there is a job of each kind. Nodes: the first for small work, the second dies, the third is left by one job
    to a more urgent one, the fourth drains.
    """
    small, fails, left, drained = scene.cluster.nodes
    scene.do("scontrol", "update", f"NodeName={drained}", "State=DRAIN", "Reason=a fan | it rattles")
    scene.submit("overtime", "-t", "1", "-w", small)
    scene.submit("done", "--gres=gpu:2", "-t", "90", script="sleep 1")
    scene.submit("failed", "-N", "2", "-w", f"{small},{left}", "--gres=gpu:4", script="exit 3")
    scene.submit("signalled", "-w", small, script="kill -9 $$")
    scene.submit("others", "-c", "3", "-w", small, script="true", user="nobody")
    scene.submit("array", "-a", "1-5:2%2", "--gres=gpu:1", "-w", small, script="sleep 1")
    scene.submit("memory", "--mem=20", "-w", small, script="head -c 300m /dev/zero | tail -n 1 > /dev/null")
    scene.submit("a|b c", "-w", small, script="true")
    scene.submit("dead", "-w", fails, "--gres=gpu:h200:8")
    scene.submit("preempted", "-w", left, "--exclusive")
    scene.submit("stopped", "-w", small)
    scene.submit("again", "-w", small, "--requeue")
    scene.submit("frozen", "-w", small)
    scene.submit("runs", "-w", small, "--gres=gpu:1")
    scene.until(
        dead="RUNNING", preempted="RUNNING", stopped="RUNNING", again="RUNNING", frozen="RUNNING", runs="RUNNING"
    )
    time.sleep(1.5)  # so that they have run for whole seconds
    scene.cluster.kill("slurmd.n2")
    scene.do("scontrol", "update", f"NodeName={fails}", "State=DOWN", "Reason=it died")
    scene.submit("urgent", "-p", "urgent", "-w", left, "--exclusive")
    scene.do("scancel", scene.ids["stopped"])
    scene.do("scontrol", "requeue", scene.ids["again"])
    scene.do("scontrol", "suspend", scene.ids["frozen"])
    scene.submit("withdrawn", "--begin=now+1hour")
    scene.do("scancel", scene.ids["withdrawn"])
    scene.submit("queue", "-a", "0-9%1", "-w", small)
    scene.submit("held", "--hold")
    scene.submit("later", "--begin=now+1hour")
    scene.submit("after", "-d", f"afterok:{scene.ids['runs']}")
    scene.submit("licensed", "-L", "matlab:1", "-w", small)
    scene.submit("licence", "-L", "matlab:1", "-w", small)
    scene.submit("away", "-w", fails)
    scene.until(
        overtime="TIMEOUT", done="COMPLETED", failed="FAILED", signalled="FAILED", others="COMPLETED", memory="OUT_OF_MEMORY",
        dead="NODE_FAIL", preempted="PREEMPTED", stopped="CANCELLED", frozen="SUSPENDED", licensed="RUNNING", urgent="RUNNING",
    )  # fmt: skip
    scene.submit("room", "-w", left, "-p", "urgent", "--exclusive", "--gres=gpu:8")
    scene.submit("behind", "-w", left, "-p", "urgent", "--exclusive", "--gres=gpu:8")
    time.sleep(5)  # its reasons and slurmdbd follow


def record(slurm: Recorder, names: list[str], since_ms: int, folder: Path) -> None:
    """What each call prints that the plugin makes."""
    way = cli.Cli(slurm.settings)
    way.slurm = slurm
    way.jobs()
    way.hosts("")
    now_ms = round(time.time() * 1000)
    list(sacct.jobs(slurm, since_ms, now_ms))
    last = slurm.said["squeue"].rpartition(cli.END)[2].strip()
    printed = {
        "squeue": slurm.said["squeue"].replace(last, LAST),
        "sinfo": slurm.said["sinfo"],
        "sacct": slurm.said["sacct"],
    }
    past.find(slurm, names, ("root", "nobody"), since_ms)
    printed["past"] = slurm.said["sacct"]
    configured(slurm)
    lines = slurm.said["scontrol"].splitlines(keepends=True)
    printed["config"] = lines[0] + "".join(line for line in lines[1:] if line.partition("=")[0].strip() in CONFIG)
    folder.mkdir(exist_ok=True)
    for name, text in printed.items():
        (folder / f"{name}.txt").write_text(text)


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="slurm-"))
    since_ms = round(time.time() * 1000)
    try:
        with Cluster(home, nodes=4, accounting=True, users=("nobody",), settings=SITE, lines=LINES) as cluster:
            if not cluster.limits:
                sys.exit("No memory limits can be set here: run it as root where control groups of version 1 are")
            scene = Scene(cluster)
            play(scene)
            slurm = Recorder(Settings(conf=str(cluster.conf), act_as="owner"))
            said = re.search(r"[\d.]+", slurm.run("sinfo", "--version"))
            assert said is not None
            folder = Path(__file__).parent / said[0]
            record(slurm, sorted(scene.ids), since_ms, folder)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{folder.name}: " + ", ".join(path.name for path in sorted(folder.iterdir())))


if __name__ == "__main__":
    main()
