"""Members of projects as users of their accounts: on a real slurmdbd they come, submit and go; what others put in stays."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from shanyrak.api import EngineProblem
from shanyrak_slurm.export import people
from shanyrak_slurm.export.nouns import Account, State
from shanyrak_slurm.trial import Cluster
from slurmlab.held import accounts, default_account, users
from slurmlab.office import Office, until

ACCOUNTS = ("a", "b", "c")


def both(
    wanted: dict[str, str], left: dict[str, str], there: dict[str, str], defaults: dict[str, str]
) -> tuple[State, State]:
    """What is wanted and what is there; people by account, as words of a text."""
    projects = {name: Account(name, "sector_s", 1, {}, False, f"q_{name}") for name in ACCOUNTS}
    want = State(accounts=projects, users={name: set(text.split()) for name, text in wanted.items()},
                 left={name: set(text.split()) for name, text in left.items()}, unknown={"nosuch"})  # fmt: skip
    have = State(
        accounts=dict(projects), users={name: set(text.split()) for name, text in there.items()}, defaults=defaults
    )
    return want, have


def called(want: State, have: State, accounts: Sequence[str] = ACCOUNTS) -> list[str]:
    return [" ".join(step.arguments[1:]) for step in people.steps(want, have, accounts, "t")]


def test_who_is_new_comes_in_by_one_call_and_who_is_there_by_none() -> None:
    want, have = both({"a": "ada bob eve nosuch", "b": "ada"}, {}, {"a": "eve", "b": "ada"}, {})
    assert called(want, have) == ["add user ada,bob Account=a Cluster=t"]
    assert called(want, have, ["b"]) == [], "an account that is not ours is left alone"


def test_who_left_is_barred_and_taken_out_and_has_another_default_account_first() -> None:
    want, have = both({"b": "ada"}, {"a": "ada"}, {"a": "ada", "b": ""}, {"ada": "a"})
    assert called(want, have) == [
        "add user ada Account=b Cluster=t",
        "modify user ada where Account=a Cluster=t set MaxSubmitJobs=0",
        "modify user ada where Cluster=t set DefaultAccount=b",
        "remove user ada where Account=a Cluster=t",
    ]
    have.barred.add(("a", "ada"))
    have.users["b"], have.defaults["ada"] = {"ada"}, "b"
    assert called(want, have) == ["remove user ada where Account=a Cluster=t"]


def test_who_leaves_all_loses_the_default_account_last() -> None:
    want, have = both({}, {"a": "ada", "b": "ada"}, {"a": "ada", "b": "ada"}, {"ada": "a"})
    assert [call for call in called(want, have) if call.startswith("remove")] == [
        "remove user ada where Account=b Cluster=t",
        "remove user ada where Account=a Cluster=t",
    ]
    have.users["theirs"] = {"ada"}
    assert "modify user ada where Cluster=t set DefaultAccount=theirs" in called(want, have)


def test_who_comes_back_may_submit_again() -> None:
    want, have = both({"a": "ada"}, {}, {"a": "ada"}, {"ada": "a"})
    have.barred.add(("a", "ada"))
    assert called(want, have) == ["modify user ada where Account=a Cluster=t set MaxSubmitJobs=-1"]


def test_who_never_was_a_member_stays_and_is_named() -> None:
    want, have = both({"a": "ada", "b": "nosuch"}, {"a": "eve"}, {"a": "ada bob eve", "c": "kim"}, {"eve": "a"})
    assert not [call for call in called(want, have) if "bob" in call or "kim" in call]
    found = {(one.what, one.words) for one in people.drift(want, have)}
    assert found == {
        ("account a", "has users who never were members of it: bob"),
        ("account b", "has no user: nobody can work on it"),
        ("member nosuch of b", "is not put into its account: this machine knows no such user"),
        ("account c", "has users who never were members of it: kim"),
    }


def submitted(cluster: Cluster, user: str, account: str = "", seconds: int = 1) -> str:
    """The id of a job that a user submits. Raises EngineProblem with Slurm's words when it does not take it."""
    asked = [f"--account={account}"] if account else []
    return cluster.run("sbatch", "--parsable", *asked, "--gres=gpu:1", "--time=1", "--output=/dev/null", "--wrap",
                       f"sleep {seconds}", user=user).strip()  # fmt: skip


def state(cluster: Cluster, job: str) -> str:
    return cluster.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").strip()


@pytest.mark.engines
@pytest.mark.skipif(os.geteuid() != 0, reason="only root submits as others")
def test_members_submit_under_their_projects_account_and_nobody_else_does(rules: Office) -> None:
    cluster = rules.cluster
    rules.site.add_members("rocket", ["games", "no-such-user"])
    shown = rules.data("sync", "--dry-run")
    assert ["sacctmgr", "-i", "add", "user", "games", "Account=rocket", "Cluster=trial"] in shown["calls"]
    assert "rocket" not in accounts(cluster)
    result = rules.call("sync")
    assert result.return_value == 0 and users(cluster, "rocket") == {"games"}
    told = [line for line in result.output.splitlines() if "no-such-user" in line]
    assert len(told) == 1 and told[0].startswith("differs: member no-such-user of rocket is not put into its account")
    assert until(lambda: "games" in cluster.run("scontrol", "show", "assoc_mgr", "users=games", "flags=assoc"))
    job = submitted(cluster, "games")
    assert until(lambda: state(cluster, job) == "COMPLETED"), state(cluster, job)
    assert cluster.run("sacct", "-n", "-X", "-P", "-j", job, "-o", "account,user").strip() == "rocket|games"
    for user, account in (("man", "rocket"), ("games", "physics")):
        with pytest.raises(EngineProblem, match="Invalid account"):
            submitted(cluster, user, account)
    assert rules.data("sync")["calls"] == [], "there and back"


@pytest.mark.engines
@pytest.mark.skipif(os.geteuid() != 0, reason="only root submits as others")
def test_who_leaves_submits_nothing_more_and_goes_when_their_job_has_ended(rules: Office) -> None:
    cluster = rules.cluster
    rules.site.add_members("rocket", ["games", "man"])
    rules.call("sync")
    rules.site.add_members("physics", ["games"])
    rules.call("sync")
    assert default_account(cluster, "games") == "rocket"
    cluster.run("sacctmgr", "-i", "add", "user", "daemon", "account=rocket")  # by somebody else
    job = submitted(cluster, "games", "rocket", seconds=300)
    assert until(lambda: "RUNNING" in cluster.run("sacct", "-n", "-X", "-P", "-j", job, "-o", "state"))
    rules.site.remove_members("rocket", ["games"])
    result = rules.call("sync")
    assert result.return_value == 5, "a job of theirs lives"
    (declined,) = [line for line in result.output.splitlines() if line.startswith("declined: ")]
    assert "remove user games" in declined and "Job(s) active" in declined and f"JobID = {job}" in declined
    assert users(cluster, "rocket") == {"daemon", "games!", "man"} and default_account(cluster, "games") == "physics"
    with pytest.raises(EngineProblem, match="AssocMaxSubmitJobLimit"):
        submitted(cluster, "games", "rocket")
    assert state(cluster, job) == "RUNNING", "what they asked for goes on"
    assert len(rules.data("sync", "--dry-run")["calls"]) == 1
    cluster.run("scancel", job)
    assert until(lambda: "CANCELLED" in cluster.run("sacct", "-n", "-X", "-P", "-j", job, "-o", "state"))
    assert rules.data("sync")["declined"] == []
    assert (users(cluster, "rocket"), users(cluster, "physics")) == ({"daemon", "man"}, {"games"})
    again = rules.data("sync")
    assert again["calls"] == []
    (others,) = [one for one in again["drift"] if "never were members" in one["words"]]
    assert others["what"] == "account rocket" and "daemon" in others["words"]


@pytest.mark.engines
def test_killed_after_any_call_the_next_run_does_the_rest(rules: Office) -> None:
    cluster = rules.cluster
    rules.site.add_members("rocket", ["games", "man"])
    rules.call("sync")
    rules.site.remove_members("rocket", ["games"])
    rules.site.add_members("physics", ["games"])
    planned = rules.data("sync", "--dry-run")["calls"]
    assert len(planned) == 4
    for program, *arguments in planned:
        rest = rules.data("sync", "--dry-run")["calls"]
        assert rest == planned[planned.index([program, *arguments]) :]
        cluster.run(program, *arguments)
    assert rules.data("sync")["calls"] == []
    assert (users(cluster, "rocket"), users(cluster, "physics")) == ({"man"}, {"games"})
    assert default_account(cluster, "games") == "physics"


@pytest.mark.engines
def test_an_account_of_somebody_else_gets_no_member(rules: Office) -> None:
    cluster = rules.cluster
    cluster.run("sacctmgr", "-i", "add", "account", "rocket", "Description=mine", "Organization=me")
    cluster.run("sacctmgr", "-i", "add", "user", "man", "account=rocket")
    rules.site.add_members("rocket", ["games", "man"])
    rules.site.remove_members("rocket", ["man"])
    assert rules.data("sync")["declined"] == []
    assert users(cluster, "rocket") == {"man"}
