"""What is said of a real Slurm: what it has, what it lacks, and what is wrong, each with its fix."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shanyrak_slurm.rest import WHOLE
from shanyrak_slurm.trial import Cluster
from slurmlab.office import Office

Make = Callable[..., Office]


def levels(office: Office, *arguments: str) -> dict[str, str]:
    return {finding["subject"]: finding["level"] for finding in office.data("doctor", *arguments)}


def about(office: Office, subject: str, *arguments: str) -> dict[str, Any]:
    found = [one for one in office.data("doctor", *arguments) if one["subject"] == subject]
    assert len(found) == 1, office.data("doctor", *arguments)
    return dict(found[0])


def test_a_site_with_all_it_needs(accounting: Cluster, office: Make) -> None:
    here = office(accounting)
    found = levels(here, "--job")
    assert "bad" not in found.values(), found
    good = {subject for subject, level in found.items() if level == "good"}
    assert {"version", "slurmctld", "clock", "pool gpu: partition (default)", "pool gpu: account (default)",
            "pool gpu: nodes", "accounting", "MinJobAge", "arrays", "jobs", "requeue"} <= good  # fmt: skip
    assert found[f"pool gpu: spool {accounting.shared}"] == "good"
    assert not list(Path(accounting.shared).glob(".doctor*"))
    assert found["processes"] == ("good" if accounting.tracks else "lacks")
    assert here.call("doctor").return_value == 0
    untried = about(here, f"pool gpu: spool {accounting.shared}")
    assert untried["level"] == "lacks" and "--job" in untried["fix"]


def test_without_accounting_it_says_what_is_lost(cluster: Cluster, office: Make) -> None:
    found = about(office(cluster), "accounting")
    assert found["level"] == "lacks"
    assert "300 s" in found["words"] and "import" in found["words"] and "slurmdbd" in found["fix"]


def test_what_the_settings_name_must_be_there(accounting: Cluster, office: Make) -> None:
    wrong = {
        "partition": "nowhere",
        "account": "nobodys",
        "qos": "gold",
        "reservation": "never",
        "licenses": "matlab:2",
    }
    here = office(accounting, slurm=wrong)
    found = levels(here)
    for subject in ("partition nowhere", "account nobodys", "QOS gold", "reservation never", "licence matlab"):
        assert found[f"pool gpu: {subject}"] == "bad", subject
    assert here.call("doctor").return_value == 6
    assert "there are: main" in about(here, "pool gpu: partition nowhere")["words"]
    assert "sacctmgr add user" in about(here, "pool gpu: account nobodys")["fix"]


def test_accounts_named_by_project_are_looked_at_one_by_one(accounting: Cluster, office: Make) -> None:
    here = office(accounting, slurm={"account": "{project}"})
    here.site.add_project("default", "startup", "It has the account of that name")
    assert levels(here)["pool gpu: account {project}"] == "good"
    here.site.add_project("unheard-of", "startup", "It has none")
    assert "unheard-of" in about(here, "pool gpu: account {project}")["words"]


@pytest.mark.engines
def test_no_slurmctld_and_a_wrong_munge_key_are_told_apart(cluster: Cluster, office: Make, tmp_path: Path) -> None:
    def conf(name: str, *changes: tuple[str, str]) -> str:
        text = cluster.conf.read_text()
        for old, new in changes:
            text = text.replace(old, new)
        path = tmp_path / name / "slurm.conf"
        path.parent.mkdir()
        path.write_text(text)
        return str(path)

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = next(line for line in cluster.conf.read_text().splitlines() if line.startswith("SlurmctldPort="))
        here = office(cluster, slurm={"conf": conf("gone", (port, f"SlurmctldPort={unused.getsockname()[1]}"))})
        last = here.data("doctor")[-1]
        assert (last["subject"], last["level"]) == ("slurmctld", "bad") and "slurmctld runs" in last["fix"]
    stranger = office(cluster, slurm={"conf": conf("stranger", ("munge.sock", "no-such.sock"))})
    last = stranger.data("doctor")[-1]
    assert (last["subject"], last["level"]) == ("slurmctld", "bad") and "munge" in last["fix"]


def test_programs_that_are_not_there_or_too_old(cluster: Cluster, office: Make, tmp_path: Path) -> None:
    (only,) = office(cluster, slurm={"conf": str(tmp_path / "none.conf")}).data("doctor")
    assert (only["subject"], only["level"]) == ("conf", "bad")
    here = office(cluster, slurm={"programs": str(tmp_path)})
    (only,) = here.data("doctor")
    assert (only["subject"], only["level"]) == ("programs", "bad") and "sbatch" in only["words"]
    for name in ("sbatch", "squeue", "scancel", "sinfo", "scontrol"):
        (tmp_path / name).write_text("#!/bin/sh\necho slurm 19.05.8\n")
        (tmp_path / name).chmod(0o755)
    (only,) = here.data("doctor")
    assert (only["subject"], only["level"]) == ("version", "bad") and "20.11" in only["fix"]
    (tmp_path / "sinfo").write_text("#!/bin/sh\nexec sleep 30\n")
    slow = office(cluster, slurm={"programs": str(tmp_path), "timeout": 1})
    (only,) = slow.data("doctor")
    assert only["level"] == "bad" and "no answer in 1 s" in only["words"]
    assert slow.call("doctor").return_value == 6


def test_slurmrestd_and_its_token(cluster: Cluster, office: Make, tmp_path: Path) -> None:
    assert "slurmrestd" not in levels(office(cluster)), "who does not use it needs none"
    assert levels(office(cluster, slurm={"transport": "rest"}))["slurmrestd"] == "bad"
    gone = office(cluster, slurm={"transport": "rest", "rest_url": "http://127.0.0.1:9"})
    assert "Connection refused" in about(gone, "slurmrestd")["words"]
    if not cluster.rest_url:
        pytest.skip("slurmrestd is not installed here")
    found = about(office(cluster, slurm={"rest_url": cluster.rest_url}), "slurmrestd")
    newest = max(int(number) for number in re.findall(r"v0\.0\.(\d+)", found["words"]))
    assert found["level"] == ("good" if newest >= WHOLE else "lacks"), found
    assert found["level"] == "good" or ("sbatch is used" in found["words"] and "JobRequeue=0" in found["fix"])
    key = tmp_path / "other.key"
    key.write_bytes(b"of some other slurmctld, 32 bytes")
    key.chmod(0o600)
    strange = office(cluster, slurm={"rest_url": cluster.rest_url, "rest_key": str(key)})
    assert "does not take our token" in about(strange, "slurmrestd")["words"]


def test_more_nodes_are_declared_than_there_are(cluster: Cluster, office: Make) -> None:
    here = office(cluster, slurm={"nodes": cluster.nodes[0]})
    found = about(here, "pool gpu: nodes")
    assert found["level"] == "lacks" and "commons.toml" in found["fix"]


def test_nodes_that_slurm_drained_for_ids_it_gave_twice(cluster: Cluster, office: Make) -> None:
    """As slurmctld leaves them when it had died: it drains a node that knows a number from before, and does not resume it."""
    here = office(cluster)
    lost = cluster.nodes[1]

    def drained() -> list[dict[str, Any]]:
        return [one for one in here.data("doctor") if "drained since slurmctld died" in one["words"]]

    assert drained() == []
    cluster.run("scontrol", "update", f"NodeName={lost}", "State=DRAIN", "Reason=Duplicate jobid")
    try:
        (found,) = drained()
        assert (found["level"], found["subject"]) == ("lacks", "pool gpu: nodes") and found["words"].startswith(lost)
        call, _, rest = found["fix"].partition(", ")
        assert call == f"scontrol update NodeName={lost} State=RESUME" and "health check" in rest
        cluster.run(*call.split())
        assert drained() == []
        cluster.run("scontrol", "update", f"NodeName={lost}", "State=DRAIN", "Reason=a broken fan")
        assert drained() == [], "what else drains a node is its administrator's"
    finally:
        cluster.run("scontrol", "update", f"NodeName={lost}", "State=RESUME")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act for others")
def test_as_whom_work_runs(cluster: Cluster, office: Make) -> None:
    assert levels(office(cluster))["people"] == "lacks"
    assert levels(office(cluster, slurm={"act_as": "owner"}))["people"] == "good"
