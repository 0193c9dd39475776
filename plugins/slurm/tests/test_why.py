"""What `shanyrak why` tells while a real Slurm holds work back, refuses it or cannot be asked; mended, each runs once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from shanyrak.api import Frame, Site
from shanyrak.cli.ask import why
from shanyrak_slurm import tokens
from shanyrak_slurm.trial import Cluster
from slurmlab.launches import ME
from slurmlab.office import Office, until

pytestmark = pytest.mark.engines
Make = Callable[..., Office]
PATIENCE_S = 180.0


def submitted(here: Office, seconds: float = 0.0, **more: Any) -> int:
    """A workload of one GPU that notes its number in `marks` when it runs."""
    command = [
        "sh",
        "-c",
        f'echo "$SHANYRAK_JOB" >>"$0"; sleep {seconds}',
        str(here.cluster.shared / f"marks-{here.site.token}"),
    ]
    if "ada" not in {row["project"] for row in here.site.projects()}:
        here.site.add_project("ada", "startup", "an organisation")
        here.site.add_grant("ada", 1_000_000, "gpu-second")
    (receipt,) = here.site.submit_many([{"project": "ada", "command": command, "walltime": "5m", "gpus": 1, **more}])
    return receipt.id


def marks(here: Office) -> list[str]:
    path = here.cluster.shared / f"marks-{here.site.token}"
    return path.read_text().split() if path.exists() else []


def run_until(site: Site, true: Callable[[], bool]) -> None:
    """A controller acts until it is true."""
    end = time.monotonic() + PATIENCE_S
    controller = site.controller()
    try:
        controller.run(lambda: true() or time.monotonic() > end, until_idle=False)
    finally:
        controller.close()
    assert true(), [site.why(row["id"]) for row in site.ps(everything=True)]


def told(here: Office, id_: int) -> str:
    """What `shanyrak why` prints, every reason with its remedy in a line each."""
    result = CliRunner().invoke(why, [str(id_)], obj=Frame(given=str(here.folder), env={}), standalone_mode=False)
    assert result.exception is None, result.exception
    return result.output


def state(site: Site, id_: int) -> str:
    return str(site.workload(id_)["state"])


@contextmanager
def mended(here: Office, *changes: tuple[str, str]) -> Iterator[Site]:
    """The site opened anew, after its commons.toml was corrected."""
    path = here.folder / "commons.toml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    site = Site.open(here.folder)
    try:
        yield site
    finally:
        site.close()


def once(here: Office, site: Site, id_: int) -> None:
    """It runs, and has run once."""
    run_until(site, lambda: state(site, id_) == "done")
    assert marks(here).count(str(id_)) == 1


@pytest.mark.parametrize(
    ("limit", "name"),
    [("MaxJobsPerUser=1", "QOSMaxJobsPerUserLimit"), ("GrpTRES=gres/gpu=1", "QOSGrpGRES"), ("GrpJobs=1", "QOSGrpJobsLimit")],
)  # fmt: skip
def test_a_limit_of_a_qos_that_holds_work_back_is_named(
    accounting: Cluster, office: Make, limit: str, name: str
) -> None:
    qos = f"why{name.lower()}"
    accounting.run("sacctmgr", "-i", "add", "qos", qos, limit)
    accounting.run("sacctmgr", "-i", "modify", "user", ME, "set", f"qos+={qos}")
    assert until(lambda: qos in accounting.run("scontrol", "show", "assoc_mgr", "flags=qos"))
    here = office(accounting, slurm={"qos": qos})
    first = submitted(here, 300)
    run_until(here.site, lambda: state(here.site, first) == "running")
    second = submitted(here)
    run_until(here.site, lambda: name in told(here, second))
    assert f"pending: Slurm: {name}\n" in told(here, second) and state(here.site, second) == "starting"
    assert marks(here) == [str(first)]
    here.site.stop(first)
    once(here, here.site, second)
    assert state(here.site, first) == "cancelled"


def test_a_limit_of_a_qos_that_refuses_work_is_named_and_it_waits(accounting: Cluster, office: Make) -> None:
    accounting.run("sacctmgr", "-i", "add", "qos", "whylong", "MaxWall=1", "Flags=DenyOnLimit")
    accounting.run("sacctmgr", "-i", "modify", "user", ME, "set", "qos+=whylong")
    assert until(lambda: "whylong" in accounting.run("scontrol", "show", "assoc_mgr", "flags=qos"))
    here = office(accounting, slurm={"qos": "whylong"})
    id_ = submitted(here)
    run_until(here.site, lambda: "QOSMaxWallDurationPerJobLimit" in told(here, id_))
    assert f"user {ME}, qos whylong" in told(here, id_) and marks(here) == []
    accounting.run("sacctmgr", "-i", "modify", "qos", "whylong", "set", "MaxWall=10")
    once(here, here.site, id_)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root submits as others")
def test_a_user_without_an_account(accounting: Cluster, office: Make) -> None:
    here = office(accounting, slurm={"act_as": "owner"})
    submitted(here)  # root's own, which runs
    here.site.actor = "games"
    id_ = submitted(here, command=["true"])
    here.site.actor = "root"
    run_until(here.site, lambda: "Invalid account" in told(here, id_))
    assert "user games, account by default" in told(here, id_) and "sacctmgr add user games account=NAME" in told(
        here, id_
    )
    try:
        accounting.run("sacctmgr", "-i", "add", "user", "games", "account=default")
        run_until(here.site, lambda: state(here.site, id_) == "done")
        jobs = ("sacct", "-n", "-X", "-P", "-u", "games", "-o", "state")
        assert until(lambda: accounting.run(*jobs).split() == ["COMPLETED"]), accounting.run(*jobs)
    finally:
        accounting.run("sacctmgr", "-i", "delete", "user", "games")


def test_an_account_that_is_not_there(accounting: Cluster, office: Make) -> None:
    here = office(accounting, slurm={"account": "gold"})
    id_ = submitted(here)
    run_until(here.site, lambda: "Invalid account" in told(here, id_))
    assert f"user {ME}, account gold" in told(here, id_) and f"sacctmgr add user {ME} account=gold" in told(here, id_)
    with mended(here, ('account = "gold"', 'account = "default"')) as site:
        once(here, site, id_)


def test_a_partition_that_is_not_there(cluster: Cluster, office: Make) -> None:
    here = office(cluster, slurm={"partition": "gold"})
    id_ = submitted(here)
    run_until(here.site, lambda: "the partition gold: Slurm has no nodes there. Set" in told(here, id_))
    with mended(here, ('partition = "gold"', 'partition = "main"')) as site:
        once(here, site, id_)


def test_another_munge_key(cluster: Cluster, office: Make, tmp_path: Path) -> None:
    key, home = tmp_path / "key", Path(f"/tmp/munge-{os.getpid()}")
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    home.mkdir(mode=0o755)
    munged = subprocess.Popen(["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={home}/sock",
                               f"--pid-file={home}/pid", f"--log-file={home}/log", f"--seed-file={home}/seed"],
                              env=cluster.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        assert until((home / "sock").exists)
        conf = tmp_path / "slurm.conf"
        conf.write_text(
            cluster.conf.read_text().replace(f"{cluster.conf.parent.parent}/run/munge.sock", f"{home}/sock")
        )
        assert f"{home}/sock" in conf.read_text()
        here = office(cluster, slurm={"conf": str(conf), "timeout": 5.0})
        id_ = submitted(here)
        run_until(here.site, lambda: "munged has the same key" in told(here, id_))
        last = here.data("doctor")[-1]
        assert last["level"] == "bad" and "munged has the same key" in last["fix"]
        with mended(here, (str(conf), str(cluster.conf))) as site:
            once(here, site, id_)
    finally:
        munged.kill()
        munged.wait()
        for path in home.iterdir():
            path.unlink()
        home.rmdir()


def test_no_slurmctld(cluster: Cluster, office: Make) -> None:
    here = office(cluster, slurm={"timeout": 3.0, "poll": 0.2})
    first = submitted(here, 20)
    run_until(here.site, lambda: state(here.site, first) == "running")
    cluster.kill("slurmctld", signal.SIGTERM)
    try:
        second = submitted(here)
        run_until(here.site, lambda: "its engine gave no answer yet: Slurm's" in told(here, second)
                  and "has not been able to tell for" in told(here, first))  # fmt: skip
        assert "scontrol ping" in told(here, second) and state(here.site, first) == "running"
    finally:
        cluster.begin("slurmctld")
    once(here, here.site, second)
    once(here, here.site, first)


def test_a_token_that_has_expired(
    accounting: Cluster, office: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where slurmrestd takes submissions, whatever its version."""
    if not accounting.rest_url:
        pytest.skip("slurmrestd is not installed here")
    key = tmp_path / "key"
    key.write_bytes((accounting.conf.parent / "jwt.key").read_bytes())
    key.chmod(0o600)
    rest = {"transport": "rest", "rest_url": accounting.rest_url, "rest_key": str(key), "placement": "slurm"}
    here = office(accounting, slurm=rest)
    id_ = submitted(here)
    with monkeypatch.context() as old:
        old.setattr(tokens, "LIFE_S", -60)
        run_until(here.site, lambda: "jwt_key, that clocks agree" in told(here, id_))
        (bad,) = [one for one in here.data("doctor") if one["subject"] == "slurmrestd"]
        assert bad["level"] == "bad" and "does not take our token" in bad["words"]
    once(here, here.site, id_)
