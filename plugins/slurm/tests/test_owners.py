"""Work of two users under one engine that is root: neither reads, ends or fakes what is the other's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from shanyrak_slurm.trial import Cluster
from slurmlab.engines import ended, engine, text
from slurmlab.launches import launch
from slurmlab.office import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root submits as others")


def can_read(user: str, path: Path) -> bool:
    return subprocess.run(["cat", path], user=user, capture_output=True, check=False).returncode == 0


def test_each_runs_as_who_asked_and_reads_nothing_of_the_other(cluster: Cluster) -> None:
    works = [
        launch(f"of-{user}", "sh", "-c", "id -un; sleep 1", user=user, workload=n)
        for n, user in enumerate(("nobody", "daemon"))
    ]
    with engine(cluster, "cpu", act_as="owner") as made:
        assert all(one.handle for one in made.launch(works))
        ended(made, "of-nobody", "of-daemon")
        assert (text(made, "of-nobody"), text(made, "of-daemon")) == ("nobody\n", "daemon\n")
        log = made.spool.folder / "daemon" / "of-daemon" / "stdout"
        assert log.is_file() and can_read("daemon", log) and not can_read("nobody", log)
        assert not can_read("nobody", made.book.path)
        listing = subprocess.run(["ls", made.spool.folder], user="nobody", capture_output=True, check=False)
        assert listing.returncode != 0


def test_a_link_among_the_notes_leads_nowhere(cluster: Cluster, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private\n")
    swap = f'cd "$0" && for name in stdout end launch; do rm -f $name; ln -s {secret} $name; done'
    with engine(cluster, "cpu", act_as="owner") as made:
        folder = made.spool.folder / "nobody" / "t"
        made.launch([launch("t", "sh", "-c", swap, str(folder), user="nobody")])
        (end,) = ended(made, "t")
        assert (folder / "stdout").is_symlink() and text(made, "t") == ""
        assert "private" not in end.words and end.exit_code == 0
        assert secret.read_text() == "private\n"


def test_a_job_of_another_user_under_the_same_name_changes_nothing(cluster: Cluster) -> None:
    with engine(cluster, "cpu", act_as="owner") as made:
        made.launch([launch("t", "sleep", "3", user="nobody")])
        assert until(lambda: made.observe(["t"])[0].state == "running")
        fake = ["sbatch", "-J", "t", "-o", "/dev/null", "-t", "1"]
        for script in ("#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 9\n"):
            cluster.run(fake[0], *fake[1:], user="daemon", stdin=script)
        forged = "x\x1f\nt\x1f7\x1fCOMPLETED"
        cluster.run("sbatch", "-J", forged, "-o", "/dev/null", user="daemon", stdin="#!/bin/sh\nexit 0\n")
        assert until(lambda: cluster.run("squeue", "-h", "-u", "daemon").strip() == "")
        assert made.observe(["t"])[0].state == "running"
        (end,) = ended(made, "t")
        assert (end.exit_code, end.cause) == (0, "") and end.ran_ms >= 3000
