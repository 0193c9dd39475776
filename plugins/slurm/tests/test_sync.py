"""Slurm under this site's rules, on a real slurmdbd: there and again, after a failure, beside what others made."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem, UnfitProblem
from shanyrak_slurm.trial import Cluster
from slurmlab.held import accounts, qos, reservations
from slurmlab.office import Office, until

Make = Callable[..., Office]
DAY = 86_400_000


def test_what_the_rules_say_is_there_and_a_second_run_changes_nothing(rules: Office) -> None:
    cluster = rules.cluster
    start = rules.site.journal.now() + DAY
    window = rules.site.add_window(["gpu-1"], start, start + DAY, "new cables")
    shown = rules.data("sync", "--dry-run")
    assert "rocket" not in accounts(cluster), "a dry run changes nothing"
    assert "sacctmgr -i add qos shanyrak_rocket" in rules.call("sync", "--dry-run").output
    done = rules.data("sync")
    assert done["calls"] == shown["calls"] and done["declined"] == []
    there = accounts(cluster)
    assert there["sector_startup"][:4] == ["root", "3", "gres/gpu=12", ""]
    assert there["sector_university"][:4] == ["root", "1", "", ""]
    assert there["rocket"] == ["sector_startup", "2", "gres/gpu=6", "", "shanyrak_rocket"]
    assert there["physics"] == ["sector_university", "1", "", "", "shanyrak_physics"]
    assert qos(cluster)["shanyrak_rocket"] == "gres/gpu=600" and qos(cluster)["shanyrak_physics"] == "gres/gpu=0"
    held = reservations(cluster)
    floor, cables = held["shanyrak_floor_startup"], held[f"shanyrak_window_{window}"]
    assert (floor["NodeCnt"], floor["Accounts"]) == ("1", "rocket") and "MAGNETIC" in floor["Flags"]
    assert cables["Nodes"] == cluster.nodes[1] and "MAINT" in cables["Flags"]
    again = rules.data("sync")
    assert again["calls"] == [] == again["declined"]
    assert {one["what"] for one in again["drift"]} == {"account rocket", "account physics"}, "they have no member yet"


@pytest.mark.engines
def test_changed_rules_and_changed_accounts_are_brought_back(rules: Office) -> None:
    cluster = rules.cluster
    number = rules.site.add_window(["gpu"], rules.site.journal.now() + DAY, 0)
    rules.call("sync")
    rules.site.add_grant("rocket", 5, "gpu-hour")
    rules.site.pause("physics")
    rules.site.remove_window(number)
    cluster.run("sacctmgr", "-i", "modify", "account", "rocket", "set", "GrpTRES=gres/gpu=99,cpu=500", "Fairshare=40")
    done = rules.data("sync")
    assert done["declined"] == []
    assert accounts(cluster)["rocket"][:3] == ["sector_startup", "2", "gres/gpu=6"]
    assert accounts(cluster)["physics"][3] == "0"
    assert qos(cluster)["shanyrak_rocket"] == "gres/gpu=900"
    assert f"shanyrak_window_{number}" not in reservations(cluster)
    rules.site.pause("physics", False)
    rules.call("sync")
    assert accounts(cluster)["physics"][3] == ""
    assert rules.data("sync")["calls"] == []


@pytest.mark.engines
def test_what_others_made_is_left_alone_and_named(rules: Office) -> None:
    cluster = rules.cluster
    cluster.run("sacctmgr", "-i", "add", "account", "rocket", "Description=mine", "Organization=me", "Fairshare=77")
    cluster.run("sacctmgr", "-i", "add", "qos", "shanyrak_physics", "Description=mine", "GrpTRESMins=gres/gpu=5")
    done = rules.data("sync")
    assert accounts(cluster)["rocket"][:2] == ["root", "77"]
    assert qos(cluster)["shanyrak_physics"] == "gres/gpu=5"
    named = {one["what"]: one["who"] for one in done["drift"]}
    assert "administrator" in named["account rocket"] and "administrator" in named["qos shanyrak_physics"]
    assert "sector_startup" in accounts(cluster), "the rest is done"


@pytest.mark.engines
def test_half_done_it_goes_on(rules: Office) -> None:
    planned = rules.data("sync", "--dry-run")["calls"]
    for program, *arguments in planned[: len(planned) // 2]:
        rules.cluster.run(program, *arguments)
    rest = rules.data("sync")
    assert rest["declined"] == [] and 0 < len(rest["calls"]) <= len(planned) - len(planned) // 2 + 1
    assert rules.data("sync")["calls"] == []


@pytest.mark.engines
def test_what_slurm_declines_is_told_and_the_rest_is_done(rules: Office) -> None:
    cluster = rules.cluster
    cluster.run("scontrol", "create", "reservation", "ReservationName=theirs", "Nodes=ALL", "StartTime=now", "Duration=60",
                "Users=root", "Flags=IGNORE_JOBS")  # fmt: skip
    try:
        result = rules.call("sync")
        assert result.return_value == 5
        assert "declined: scontrol create reservation ReservationName=shanyrak_floor_startup" in result.output
        assert "rocket" in accounts(cluster)
    finally:
        cluster.run("scontrol", "delete", "ReservationName=theirs")
    done = rules.call("sync")
    assert done.return_value == 0 and "shanyrak_floor_startup" in reservations(cluster)


@pytest.mark.engines
def test_slurm_holds_work_to_what_is_left_of_grants(rules: Office) -> None:
    cluster = rules.cluster
    rules.call("sync")
    cluster.run("sacctmgr", "-i", "add", "user", "root", "account=rocket,physics")

    def submit(account: str, gpus: int, minutes: int) -> str:
        return cluster.run("sbatch", "--parsable", "-A", account, f"--gres=gpu:{gpus}", f"--time={minutes}", "-o", "/dev/null",
                           "--wrap", "sleep 300").strip()  # fmt: skip

    def state(job: str) -> str:
        return cluster.run("squeue", "-h", "-j", job, "-o", "%T %r").strip()

    runs = submit("rocket", 4, 100)
    assert until(lambda: state(runs).startswith("RUNNING"))
    over = submit("rocket", 2, 120)  # 400 of 600 GPU-minutes are spoken for
    none = submit("physics", 1, 1)
    assert until(lambda: "QOSGrpGRESMinutes" in state(over)), state(over)
    assert until(lambda: "QOSGrpGRESMinutes" in state(none)), state(none)
    rules.site.add_grant("rocket", 10, "gpu-hour")
    rules.call("sync")
    assert until(lambda: state(over).startswith("RUNNING")), state(over)
    capped = submit("rocket", 1, 10)
    assert until(lambda: "AssocGrpGRES" in state(capped)), "six GPUs are its cap"


@pytest.mark.engines
def test_a_grant_is_spent_once_when_its_use_comes_back(rules: Office) -> None:
    """What was paid before Slurm began to count is not given again, and what it counted is not taken twice."""
    cluster = rules.cluster
    cluster.run("sacctmgr", "-i", "add", "account", "old", "Description=old", "Organization=x")
    cluster.run("sacctmgr", "-i", "add", "user", "root", "account=old")
    job = cluster.run(
        "sbatch", "--parsable", "-A", "old", "--gres=gpu:8", "-N2", "-o", "/dev/null", "--wrap", "true"
    ).strip()
    assert until(lambda: "COMPLETED" in cluster.run("sacct", "-n", "-X", "-j", job, "-o", "state"))
    began = int(time.time()) - 7200
    cluster.sql(f"UPDATE slurm.trial_job_table SET time_submit = {began}, time_eligible = {began}, time_start = {began},"
                f" time_end = {began + 900} WHERE id_job = {job}")  # fmt: skip
    rules.site.add_grant("rocket", 10, "gpu-hour", start=(began - 60) * 1000)
    path = rules.folder / "map.toml"
    path.write_text('[accounts]\nold = "rocket"\n')
    until_ = datetime.fromtimestamp(began + 1000, UTC).isoformat()  # later work of others is not in it
    told = rules.data("import", "--since", "2020-01-01", "--until", until_, "--map", path, "--charge")
    assert told["charged"] == {"gpu-second": 14_400}
    rules.call("sync")
    assert qos(cluster)["shanyrak_rocket"] == "gres/gpu=960", "20 hours less the 4 that were paid"
    rules.site.pull_grant(1, 3600)
    rules.call("sync")
    assert qos(cluster)["shanyrak_rocket"] == "gres/gpu=900"


def test_without_accounts_or_without_an_answer_it_is_one_line(cluster: Cluster, office: Make, tmp_path: Path) -> None:
    with pytest.raises(UnfitProblem, match="keeps no accounts"):
        office(cluster).call("sync")
    gone = office(cluster, slurm={"conf": str(tmp_path / "none.conf"), "timeout": 2})
    with pytest.raises(EngineProblem):
        gone.call("sync")
