"""Whether what the settings name is there, and whether this user may use it."""

from __future__ import annotations

from collections.abc import Iterator

from shanyrak_slurm.doctor.finding import Case, Finding, Wanted


def pools(case: Case) -> Iterator[Finding]:
    """Partition, account, QOS, reservation and licences of each pool."""
    for pool in case.pools:
        for check in (_partition, _account, _reservation, _licenses):
            yield from check(case, pool)


def _partition(case: Case, pool: Wanted) -> Iterator[Finding]:
    name = pool.settings.partition
    found = case.show("partition", name) if name else [
        one for one in case.show("partition") if one.get("Default") == "YES"
    ]  # fmt: skip
    subject = f"pool {pool.name}: partition {name or '(default)'}"
    if not found:
        there = ", ".join(one["PartitionName"] for one in case.show("partition")) or "none"
        words = "does not exist" if name else "no partition is the default one"
        yield Finding(
            "bad", subject, f"{words}; there are: {there}", f"set [plugins.slurm.pools.{pool.name}] partition"
        )
        return
    one = found[0]
    if one.get("State") != "UP":
        yield Finding(
            "bad", subject, f"it is {one.get('State')}: nothing starts there", "scontrol update it to State=UP"
        )
        return
    allowed = one.get("AllowAccounts", "ALL")
    account = pool.settings.account
    if allowed != "ALL" and account and "{project}" not in account and account not in allowed.split(","):
        yield Finding("bad", subject, f"it takes no work of account {account}, only of {allowed}",
                      "add it to AllowAccounts, or set another account")  # fmt: skip
        return
    yield Finding("good", subject, f"{one.get('TotalNodes', '?')} nodes, up, at most {one.get('MaxTime', '?')}")


def _account(case: Case, pool: Wanted) -> Iterator[Finding]:
    settings = pool.settings
    if not case.accounting:
        if settings.account or settings.qos:
            yield Finding(
                "lacks", f"pool {pool.name}: account and QOS", "this Slurm keeps no accounts, so both say nothing"
            )
        return
    text = case.slurm.run("sacctmgr", "-n", "-P", "show", "assoc", f"user={case.user}",
                          f"cluster={case.config['ClusterName']}", "format=account,qos,defaultqos")  # fmt: skip
    mine = [line.split("|") for line in text.splitlines()]
    accounts = {line[0] for line in mine}
    enforced = "associations" in case.config.get("AccountingStorageEnforce", "")
    subject = f"pool {pool.name}: account {settings.account or '(default)'}"
    names = (
        [settings.account.replace("{project}", one) for one in case.projects]
        if "{project}" in settings.account
        else [settings.account] if settings.account else []
    )  # fmt: skip
    missing = [name for name in names if name not in accounts]
    if enforced and case.settings.act_as == "self" and (missing or not accounts):
        whose = f"{case.user} is in no account" if not accounts else f"{case.user} is not in {', '.join(missing[:5])}"
        yield Finding("bad", subject, f"{whose}: Slurm refuses its jobs",
                      f"sacctmgr add user {case.user} account={(missing or ['NAME'])[0]}")  # fmt: skip
    else:
        yield Finding("good", subject, f"{case.user} may use it" if enforced else "Slurm does not insist on accounts")
    if settings.qos:
        allowed = {qos for line in mine if line[0] in names or not names for qos in line[1].split(",")}
        there = case.slurm.run("sacctmgr", "-n", "-P", "show", "qos", "format=name").split()
        subject = f"pool {pool.name}: QOS {settings.qos}"
        if settings.qos not in there:
            yield Finding("bad", subject, f"it does not exist; there are: {', '.join(there)}", "set another qos")
        elif settings.qos not in allowed and case.settings.act_as == "self":
            yield Finding("bad", subject, f"{case.user} may not use it",
                          f"sacctmgr modify user {case.user} set qos+={settings.qos}")  # fmt: skip
        else:
            yield Finding("good", subject, "may be used")


def _reservation(case: Case, pool: Wanted) -> Iterator[Finding]:
    if name := pool.settings.reservation:
        subject = f"pool {pool.name}: reservation {name}"
        found = case.show("reservation", name)
        if not found:
            yield Finding(
                "bad", subject, "it does not exist", "make it with `scontrol create reservation`, or unset it"
            )
        elif found[0].get("State") != "ACTIVE":
            yield Finding("lacks", subject, f"it is {found[0].get('State')}: work waits for it")
        else:
            yield Finding("good", subject, f"it is active until {found[0].get('EndTime')}")


def _licenses(case: Case, pool: Wanted) -> Iterator[Finding]:
    if not pool.settings.licenses:
        return
    there = {one.get("LicenseName", "") for one in case.show("licenses")}
    for part in pool.settings.licenses.split(","):
        name = part.partition(":")[0].strip()
        if name in there:
            yield Finding("good", f"pool {pool.name}: licence {name}", "is there")
        else:
            yield Finding("bad", f"pool {pool.name}: licence {name}", "Slurm knows none of that name",
                          "add it to Licenses in slurm.conf")  # fmt: skip
