"""What Slurm holds of this site, and the names that are somebody else's."""

from __future__ import annotations

import re

from shanyrak_slurm import times
from shanyrak_slurm.calls import Declined, Slurm
from shanyrak_slurm.export.nouns import MARK, Account, Qos, Reservation, State, limits

BEFORE = re.compile(r"(cpu|gpu)-second=(\d+)")


def found(slurm: Slurm, cluster: str) -> State:
    """Raises EngineProblem when slurmdbd or slurmctld does not answer."""
    state = State()
    ours = set()
    for line in slurm.run("sacctmgr", "-n", "-P", "show", "account", "format=account,org").splitlines():
        name, _, organization = line.partition("|")
        if organization == MARK:
            ours.add(name)
        else:
            state.strangers.add(f"account {name}")
    # Without what is inherited: a limit of an account is not one of a user in it.
    text = slurm.run("sacctmgr", "-n", "-P", "show", "assoc", f"cluster={cluster}", "wopl",
                     "format=account,user,parentname,share,grptres,grpjobs,qos,defaultqos,maxsubmit")  # fmt: skip
    for line in text.splitlines():
        name, user, parent, share, tres, jobs, qos, default, submit = line.split("|")
        if user:
            state.users.setdefault(name, set()).add(user.lower())
            if submit == "0":
                state.barred.add((name, user.lower()))
        elif name in ours:
            own = qos if qos == default else ""
            state.accounts[name] = Account(name, parent, _share(share), limits(tres), jobs == "0", own)
    for line in slurm.run("sacctmgr", "-n", "-P", "show", "user", "format=user,defaultaccount").splitlines():
        user, _, account = line.partition("|")
        state.defaults[user.lower()] = account
    for line in slurm.run("sacctmgr", "-n", "-P", "show", "qos", "format=name,grptresmins,flags,desc").splitlines():
        name, minutes, flags, words = line.split("|", 3)
        if words.startswith(f"{MARK} ") and "NoDecay" in flags:
            before = {f"{kind}-second": int(amount) for kind, amount in BEFORE.findall(words)}
            state.qos[name] = Qos(name, limits(minutes), before)
        else:
            state.strangers.add(f"qos {name}")
    _reservations(slurm, state)
    return state


def _share(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _reservations(slurm: Slurm, state: State) -> None:
    try:
        text = slurm.run("scontrol", "--oneliner", "show", "reservation")
    except Declined:
        return
    for line in text.splitlines():
        if not line.startswith(f"ReservationName={MARK}_"):
            continue
        it = dict(word.split("=", 1) for word in line.split() if "=" in word)
        nodes = slurm.run("scontrol", "show", "hostnames", it["Nodes"]).split() if it["Nodes"] != "(null)" else []
        accounts = frozenset(it["Accounts"].split(",")) if it["Accounts"] != "(null)" else frozenset()
        name = it["ReservationName"]
        state.reservations[name] = Reservation(
            name, frozenset(nodes), int(it["NodeCnt"]), accounts, times.ms(it["StartTime"]), times.ms(it["EndTime"])
        )
