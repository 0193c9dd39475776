"""A real Slurm that does not answer: nothing is launched again, nothing is marked failed, the order is kept."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem
from shanyrak_slurm.trial import Cluster
from slurmlab.engines import ended, engine
from slurmlab.launches import launch
from slurmlab.office import Office, until

pytestmark = pytest.mark.engines
WORK = 'echo "$SHANYRAK_JOB" >>"$0"; sleep 8'


@pytest.mark.parametrize("change", ["slurmctld", "munge"])
def test_a_slurm_that_cannot_be_asked_is_one_line_and_takes_nothing(
    cluster: Cluster, tmp_path: Path, change: str
) -> None:
    conf = tmp_path / "slurm.conf"
    text = cluster.conf.read_text()
    if change == "munge":
        conf.write_text(text.replace("munge.sock", "none.sock"))
        words = "munge"
    else:
        port = next(line for line in text.splitlines() if line.startswith("SlurmctldPort="))
        conf.write_text(text.replace(port, "SlurmctldPort=9"))
        words = "scontrol ping"
    with engine(cluster, "cpu", conf=str(conf), timeout=5.0) as made:
        for call in (made.nodes, lambda: made.launch([launch()]), made.queue.look):
            with pytest.raises(EngineProblem, match=words) as caught:
                call()
            assert "\n" not in str(caught.value)
        assert made.book.entries(["t"]) == {}
        made.queue.transport = type(made.queue.transport)(made.settings.model_copy(update={"conf": str(cluster.conf)}))
        assert made.launch([launch()])[0].handle, "it goes on when Slurm can be asked"


def test_a_call_that_was_killed_after_slurm_took_it_runs_once(cluster: Cluster, tmp_path: Path) -> None:
    """As when the machine runs out of memory: slurmctld has the job, and nobody heard its number."""
    path = cluster.env["PATH"]
    for name in ("sbatch", "squeue", "scancel", "sinfo", "scontrol"):
        (tmp_path / name).symlink_to(shutil.which(name, path=path) or name)
    (tmp_path / "sbatch").rename(tmp_path / "really")
    (tmp_path / "sbatch").write_text(f'#!/bin/sh\n{tmp_path}/really "$@" >/dev/null\nkill -KILL $$\n')
    (tmp_path / "sbatch").chmod(0o755)
    marks = cluster.shared / "killed-after"
    one = launch("killed", "sh", "-c", 'echo x >>"$0"', str(marks))
    with engine(cluster, "cpu", programs=str(tmp_path)) as made:
        with pytest.raises(EngineProblem, match="was killed by signal 9"):
            made.launch([one])
        assert until(lambda: bool(made.launch([one])))
        (end,) = ended(made, "killed")
    assert end.exit_code == 0 and marks.read_text() == "x\n"


def test_work_waits_and_runs_once_while_slurmctld_is_away(
    cluster: Cluster, office: Callable[..., Office], tmp_path: Path
) -> None:
    here = office(cluster, slurm={"timeout": 3.0, "poll": 0.2})
    marks = tmp_path / "marks"
    here.site.add_project("ada", "startup", "an organisation")
    here.site.add_grant("ada", 1_000_000, "gpu-second")
    full = {"project": "ada", "command": ["sh", "-c", WORK, str(marks)], "walltime": "5m", "width": 2, "gpus": 8}
    ids = [receipt.id for receipt in here.site.submit_many([full] * 3)]

    def states() -> list[str]:
        return [here.site.workload(id_)["state"] for id_ in ids]

    controller = here.site.controller()
    try:
        begun = time.monotonic()
        controller.run(lambda: marks.exists() or time.monotonic() - begun > 60, until_idle=False)
        assert marks.read_text().split() == [str(ids[0])]
        begun = time.monotonic()
        controller.run(lambda: states()[0] == "running" or time.monotonic() - begun > 60, until_idle=False)
        cluster.kill(
            "slurmctld", signal.SIGTERM
        )  # it goes away in order: what it forgets when it dies is another test's
        try:
            begun = time.monotonic()
            controller.run(lambda: time.monotonic() - begun > 15, until_idle=False)
            assert states() == ["running", "queued", "queued"]
        finally:
            cluster.begin("slurmctld")
        begun = time.monotonic()
        controller.run(lambda: states() == ["done"] * 3 or time.monotonic() - begun > 180, until_idle=False)
    finally:
        controller.close()
    assert states() == ["done"] * 3
    assert marks.read_text().split() == [str(id_) for id_ in ids], "each once, in their order"
    with here.site.journal.read() as rows:
        assert rows.all("SELECT COUNT(*) FROM attempt") == [(3,)]
