"""What a real Slurm holds, in its own words, and the end of what `sync` made there."""

from __future__ import annotations

from shanyrak.api import EngineProblem
from shanyrak_slurm.trial import Cluster

from slurmlab.office import until

PEOPLE = ("games", "man")
"""Users of every system who have no account in the trial Slurm."""


def accounts(cluster: Cluster) -> dict[str, list[str]]:
    """Parent, share, GrpTRES, GrpJobs and QOS of each account."""
    text = cluster.run(
        "sacctmgr", "-n", "-P", "show", "assoc", "user=", "format=account,parentname,share,grptres,grpjobs,qos"
    )
    return {line.split("|")[0]: line.split("|")[1:] for line in text.splitlines()}


def qos(cluster: Cluster) -> dict[str, str]:
    text = cluster.run("sacctmgr", "-n", "-P", "show", "qos", "format=name,grptresmins")
    return dict(line.split("|") for line in text.splitlines())


def reservations(cluster: Cluster) -> dict[str, dict[str, str]]:
    lines = cluster.run("scontrol", "--oneliner", "show", "reservation").splitlines()
    found = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
    return {one["ReservationName"]: one for one in found if "ReservationName" in one}


def users(cluster: Cluster, account: str) -> set[str]:
    """Who may work on an account; with `!` those who may submit nothing."""
    text = cluster.run("sacctmgr", "-n", "-P", "show", "assoc", f"account={account}", "wopl", "format=user,maxsubmit")
    pairs = [line.split("|") for line in text.splitlines()]
    return {user + ("!" if submit == "0" else "") for user, submit in pairs if user}


def default_account(cluster: Cluster, user: str) -> str:
    return cluster.run("sacctmgr", "-n", "-P", "show", "user", user, "format=defaultaccount").strip()


def clear(cluster: Cluster, projects: list[str], sectors: list[str]) -> None:
    """Take away the accounts of these with all that is under them, their QOS, and all reservations of Shanyrak."""
    there = [name for name in (*projects, *(f"sector_{name}" for name in sectors)) if name in accounts(cluster)]
    for name in there:
        cluster.run("scancel", f"--account={name}")
        assert until(lambda name=name: not cluster.run("squeue", "-h", "-A", name))
    for name in reservations(cluster):
        if name.startswith("shanyrak"):
            cluster.run("scontrol", "delete", f"ReservationName={name}")
    known = cluster.run("sacctmgr", "-n", "-P", "show", "user", "format=user").split()
    for name in PEOPLE:
        if name in known:
            cluster.run("sacctmgr", "-i", "delete", "user", name)
    for name in there:  # slurmdbd hears of the ends of jobs after squeue
        assert until(lambda name=name: _deleted(cluster, name)), name
    for name in projects:
        if f"shanyrak_{name}" in qos(cluster):
            cluster.run("sacctmgr", "-i", "delete", "qos", f"shanyrak_{name}")


def _deleted(cluster: Cluster, account: str) -> bool:
    try:
        cluster.run("sacctmgr", "-i", "delete", "account", account)
    except EngineProblem as problem:
        if "active" not in str(problem):
            raise
        return False
    return True
