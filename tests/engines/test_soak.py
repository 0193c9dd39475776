"""Two thousand jobs on a real Slurm whose slurmctld is killed again and again: none lost, none twice, accounts exact."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shanyrak.api import EngineProblem
from shanyrak.config.commons import Commons
from shanyrak.control.proofs import verify_store
from shanyrak.control.site import Site

if TYPE_CHECKING:
    from shanyrak_slurm.trial import Cluster

pytestmark = pytest.mark.engines
SINGLES, ARRAYS, TASKS = 400, 16, 100
EVERY_S = 20.0
"""How often slurmctld is killed."""
WORK = """
me=$1.$SHANYRAK_JOB.$SHANYRAK_TASK
exec 8>"$me.lives"
flock -n 8 || echo "two at once" >>"$1.twice"
sleep 2 && echo over >>"$me.over"  # not when only the sleep was killed, a moment before this
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="soak-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_slurmctld_dies_every_twenty_seconds(folder: Path) -> None:
    from shanyrak_slurm.trial import Cluster, lacking

    if missing := lacking():
        pytest.skip(f"Slurm's {missing} is not installed here")
    with Cluster(folder / "slurm", cpus=128) as cluster:
        site = make(folder / "site", cluster.conf)
        marks = folder / "marks"
        marks.mkdir()
        command = ["sh", "-c", WORK, "sh", str(marks / "t")]
        one = {"project": "ada", "command": command, "walltime": "5m", "cpus": 1, "mem": "64M", "retry": {"tries": 8}}
        site.submit_many([one] * SINGLES + [{**one, "array": f"0-{TASKS - 1}"}] * ARRAYS)
        over = threading.Event()
        killer = threading.Thread(target=torment, args=(cluster, over))
        killer.start()
        try:
            controller = site.controller()
            begun = time.monotonic()
            # Not until it is idle: so it is, too, while both nodes are drained.
            controller.run(lambda: time.monotonic() - begun > 900 or not left(site), until_idle=False)
            controller.close()
        finally:
            over.set()
            killer.join()
        states = Counter(row["state"] for row in site.ps(everything=True))
        with site.journal.read() as rows:
            told = rows.all("SELECT cause, words, COUNT(*) FROM attempt GROUP BY cause, words ORDER BY 3")
        assert states == {"done": SINGLES + ARRAYS}, told
        ends = {path.name: len(path.read_text().splitlines()) for path in marks.glob("*.over")}
        assert len(ends) == SINGLES + ARRAYS * TASKS, "none is lost"
        assert set(ends.values()) == {1} and not (marks / "t.twice").exists(), "none ran twice"
        assert [fault for proof in verify_store(site.journal.store) for fault in proof["faults"]] == []
        site.close()


def left(site: Site) -> bool:
    """Whether some work has not ended."""
    with site.journal.read() as rows:
        return rows.one("SELECT 1 FROM workload WHERE ended = 0") is not None


def torment(cluster: Cluster, over: threading.Event) -> None:
    while not over.wait(EVERY_S):
        cluster.kill("slurmctld")
        with suppress(EngineProblem):  # not within its time, on a busy machine: at the next turn again
            cluster.begin("slurmctld")
        for node in cluster.nodes:
            # A slurmctld that forgot its newest jobs gives their ids again, and drains a node that knows better.
            with suppress(EngineProblem):  # it is not drained
                cluster.run("scontrol", "update", f"NodeName={node}", "State=RESUME")


def make(folder: Path, conf: Path) -> Site:
    """A site with one CPU pool on that Slurm, and a project with a grant."""
    pool = {"name": "cpu", "engine": "slurm", "unit": "cpu", "nodes": 2, "units": 128, "cpus": 128, "memory": "900G"}
    spool = folder.parent / "spool"
    data = {
        "pools": [pool], "policy": {"active": "easy"},
        "plugins": {"slurm": {"conf": str(conf), "poll": 0.5, "timeout": 5.0, "spool": str(spool)}},
    }  # fmt: skip
    site = Site.create(folder, Commons.model_validate(data))
    site.add_project("ada", "startup", "an organisation")
    site.add_grant("ada", 10_000_000, "cpu-second")
    site.close()
    return Site.open(folder)
