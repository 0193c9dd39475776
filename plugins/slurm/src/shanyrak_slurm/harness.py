"""How the conformance kit tries the engine: on a whole Slurm of its own, whose daemons and nodes it may kill.

With SLURM_KIT_ACCOUNTS=1 in the environment it keeps accounts (slurmdbd), else it has none, as at many sites.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import Engine, EngineProblem, EngineRecord, Launch, Node
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import eventually

from shanyrak_slurm.engine import SlurmEngine
from shanyrak_slurm.jobs import TWICE
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.trial import Cluster
from shanyrak_slurm.verdict import DOUBT_MS

ROOT = os.geteuid() == 0


@contextmanager
def tended(cluster: Cluster) -> Iterator[None]:
    """With what a site's health check does: a slurmctld that lost jobs drains a node that knows their ids."""
    over = threading.Event()

    def tend() -> None:
        while not over.wait(1.0):
            with suppress(EngineProblem):
                said = cluster.run("sinfo", "-h", "-N", "-o", "%N|%E")
                for node, _, reason in (line.partition("|") for line in said.splitlines()):
                    if reason in TWICE:
                        cluster.run("scontrol", "update", f"NodeName={node}", "State=RESUME")

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class SlurmHarness(EngineHarness):
    """One cluster for all tests of a run; each has a folder of its own that all users reach."""

    shared: Cluster
    first_id = 1
    nodes = (Node("pool-0", 4, 4, 4 << 30), Node("pool-1", 4, 4, 4 << 30))

    @classmethod
    @contextmanager
    def session(cls, folder: Path, settings: Any) -> Iterator[Cluster]:
        home = Path(tempfile.mkdtemp(prefix="slurm-"))
        users = ("nobody", "daemon") if ROOT else ()
        accounts = os.environ.get("SLURM_KIT_ACCOUNTS") == "1"
        rest = (settings or Settings()).transport == "rest"
        # Old versions of slurmrestd are used only where nothing is requeued.
        site = {"JobRequeue": "0"} if rest else {}
        try:
            with (
                Cluster(
                    home, cpus=4, memory=8192, accounting=accounts, rest=rest, users=users, settings=site
                ) as cluster,
                tended(cluster),
            ):
                yield cluster
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def __init__(self, record: EngineRecord, plugin: str, folder: Path, settings: Any = None) -> None:
        super().__init__(record, plugin, folder, settings)
        self.home = Path(tempfile.mkdtemp(prefix="kit-", dir=self.shared.shared))
        self.home.chmod(0o755)
        self.work = self.home / "work"
        self.work.mkdir()
        self.work.chmod(0o777)
        self.settings = (settings or Settings()).model_copy(update=self._site())
        self._stopped: set[str] = set()
        self._dead = self._hung = False

    def _site(self) -> dict[str, Any]:
        return {
            "conf": str(self.shared.conf),
            "spool": str(self.home / "spool"),
            "poll": 0.1,
            "timeout": 5.0,
            "act_as": "owner" if ROOT else "self",
            "rest_url": self.shared.rest_url,
        }

    def facility(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        pool, _ = super().facility()
        return pool, self._site()

    def command(self, name: str, *, tree: bool = False) -> tuple[str, ...]:
        """By a Python that all users can run, where there is one: that of the tests may be in a home."""
        return (shutil.which("python3", path="/usr/bin:/bin") or sys.executable, *super().command(name, tree=tree)[1:])

    def launch(self, token: str, **changes: Any) -> Launch:
        if changes.get("unit") == "gpu":
            changes.setdefault("cpus", 1)
        return super().launch(token, **changes)

    def close(self) -> None:
        self.mend()
        super().close()
        left = self.shared.run("squeue", "-h", "-o", "%A").split()
        if left:
            self.shared.run("scancel", *left)
        eventually(lambda: not self.shared.run("squeue", "-h").strip(), "all jobs are gone")
        self._forget_jobs()
        shutil.rmtree(self.home, ignore_errors=True)

    def mend(self) -> None:
        """Whatever a test left dead or hanging works again."""
        if self._hung:
            self.shared.kill("slurmctld", signal.SIGCONT)
            self._hung = False
        if self._dead:
            self.shared.begin("slurmctld")
            self._dead = False
        for name in list(self._stopped):
            self._begin_node(name)

    # ---- what is claimed --------------------------------------------------------------------------------------

    def kill_daemon(self, engine: Engine) -> None:
        self.shared.kill("slurmctld")
        self._dead = True

    def begin_daemon(self, engine: Engine) -> None:
        self.shared.begin("slurmctld")
        self._dead = False

    def safe(self, engine: Engine) -> None:
        time.sleep(DOUBT_MS / 1000)

    def hang_daemon(self, engine: Engine) -> None:
        self.shared.kill("slurmctld", signal.SIGSTOP)
        self._hung = True

    def resume_daemon(self, engine: Engine) -> None:
        self.shared.kill("slurmctld", signal.SIGCONT)
        self._hung = False

    def fill(self, engine: Engine) -> Callable[[], None]:
        said = self._foreign("--exclusive", f"--nodes={len(self.shared.nodes)}")
        eventually(lambda: self._state(said) == "RUNNING", "foreign work fills all nodes")
        return lambda: self._cancel(said)

    def reuse(self, engine: Engine, token: str) -> Callable[[], bool]:
        """slurmctld comes back without what it knew, and counts from 1 again."""
        number = self._id(engine, token)
        self.shared.kill("slurmctld")
        for path in (self.shared.conf.parent.parent / "state").glob("job_state*"):
            path.unlink()
        self.shared.begin("slurmctld")
        said = ""
        while said != number:
            if said:
                self.shared.run("scancel", said)
            said = self._foreign()
            assert int(said) <= int(number), f"it went on from {said}"
        eventually(lambda: self._state(number) == "RUNNING", "the foreign job runs")
        return lambda: self._state(number) == "RUNNING"

    def kill_node(self, engine: Engine, token: str) -> str:
        node = self.shared.run("squeue", "-h", "-t", "R", "-o", "%B", "-j", self._id(engine, token)).strip()
        index = self.shared.nodes.index(node) + 1
        self._stopped.add(node)
        self.shared.kill(f"slurmd.n{index}")
        for pid in self._steps(node):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.shared.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=it died")
        names = {
            host.name: node_.name for node_, host in zip(self.nodes, self._engine(engine)._hosts().hosts, strict=True)
        }
        return names[node]

    def begin_node(self, engine: Engine, name: str) -> None:
        self._begin_node(self._engine(engine)._hosts().names[name])

    def users(self) -> tuple[str, str]:
        if not ROOT or not shutil.which("python3", path="/usr/bin:/bin"):
            pytest.skip("two users: only root can try it, and with a Python in /usr/bin")
        return "nobody", "daemon"

    def meddle(self, engine: Engine, token: str, user: str) -> None:
        with suppress(EngineProblem):
            self.shared.run("scancel", self._id(engine, token), user=user)
        with suppress(EngineProblem):
            self.shared.run("scancel", f"--name={token}", user=user)
        for pid in self._processes(token):
            subprocess.run(["/bin/kill", "-9", str(pid)], user=user, check=False, capture_output=True)

    def accounted(self, engine: Engine, token: str) -> tuple[int, int]:
        id_ = self._id(engine, token)
        if self.shared.accounting:
            said = ""

            def known() -> bool:
                nonlocal said
                said = self.shared.run(
                    "sacct", "-n", "-P", "-X", "-j", id_, "--format=ElapsedRaw,End,AllocTRES"
                ).strip()
                return bool(said) and "Unknown" not in said

            eventually(known, f"sacct knows the end of job {id_}")
            seconds, _, tres = said.split("|")
        else:
            said = self.shared.run("scontrol", "show", "job", "-o", id_)
            facts = dict(word.partition("=")[::2] for word in said.split())
            hours, minutes, rest = facts["RunTime"].split(":")
            seconds, tres = str(int(hours) * 3600 + int(minutes) * 60 + int(rest)), facts["TresPerNode"]
        units = re.split(r"[:=]", next(part for part in tres.split(",") if "gpu" in part))[-1]
        return int(units), int(seconds) * 1000

    # ---- within -----------------------------------------------------------------------------------------------

    def _engine(self, engine: Engine) -> SlurmEngine:
        assert isinstance(engine, SlurmEngine)
        return engine

    def _id(self, engine: Engine, token: str) -> str:
        """Slurm's id of an attempt."""
        return self._engine(engine).book.entries([token])[token].task_id

    def _foreign(self, *options: str) -> str:
        script = "#!/bin/sh\nexec sleep 600\n"
        return self.shared.run(
            "sbatch", "--parsable", "--export=NONE", "-o", "/dev/null", *options, stdin=script
        ).strip()

    def _state(self, id_: str) -> str:
        return self.shared.run("squeue", "-h", "-t", "all", "-o", "%T", "-j", id_).strip()

    def _cancel(self, id_: str) -> None:
        self.shared.run("scancel", id_)
        eventually(lambda: self._state(id_) == "CANCELLED", "the foreign work is gone")

    def _begin_node(self, node: str) -> None:
        self.shared.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
        self.shared.begin(f"slurmd.n{self.shared.nodes.index(node) + 1}")
        self._stopped.discard(node)

    def _forget_jobs(self) -> None:
        """The next test may use the same tokens: slurmctld comes back without its jobs, and gives other ids."""
        self.shared.kill("slurmctld")
        for path in (self.shared.conf.parent.parent / "state").glob("job_state*"):
            path.unlink()
        text = re.sub(r"FirstJobId=.*\n", "", self.shared.conf.read_text())
        SlurmHarness.first_id += 500
        self.shared.conf.write_text(f"FirstJobId={self.first_id}\n{text}")
        self.shared.begin("slurmctld")
        idle = "\n".join(["idle"] * len(self.shared.nodes))
        eventually(lambda: self.shared.run("sinfo", "-h", "-N", "-o", "%T").strip() == idle, "all nodes are there")

    def _steps(self, node: str) -> list[int]:
        """slurmstepd of a node, and all that runs under them: the node's name, which nothing else has, is in their environment."""
        return self._those(lambda entry: node.encode() in (entry / "environ").read_bytes())

    def _processes(self, token: str) -> list[int]:
        return self._those(lambda entry: token.encode() in (entry / "cmdline").read_bytes().split(b"\0"))

    @staticmethod
    def _those(which: Callable[[Path], bool]) -> list[int]:
        """The processes of this machine of which that holds."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if which(entry):
                        found.append(int(entry.name))
        return found
