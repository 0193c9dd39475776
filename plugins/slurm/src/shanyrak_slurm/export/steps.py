"""From what Slurm holds to what it is to hold: calls, in an order in which each finds what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from shanyrak_slurm.export import people
from shanyrak_slurm.export.nouns import MARK, SOON_MS, Account, Drift, Limits, Qos, Reservation, State, Step, as_text


def steps(wanted: State, there: State, cluster: str, now_ms: int) -> Iterator[Step]:
    """None when both are the same. What is somebody else's is left out; `drift` names it."""
    for name, qos in wanted.qos.items():
        if f"qos {name}" not in there.strangers:
            yield from _qos(qos, there.qos.get(name))
    # Sectors come first in what is wanted: their projects' accounts are under them.
    ours = [
        account
        for name, account in wanted.accounts.items()
        if f"account {name}" not in there.strangers
        and (account.parent == "root" or f"account {account.parent}" not in there.strangers)
    ]
    for account in ours:
        yield from _account(account, there.accounts.get(account.name))
    yield from people.steps(wanted, there, [account.name for account in ours], cluster)
    for name in sorted(there.reservations.keys() - wanted.reservations.keys()):
        yield Step("scontrol", ("delete", f"ReservationName={name}"))
    for name, reservation in wanted.reservations.items():
        yield from _reservation(reservation, there.reservations.get(name), now_ms)


def drift(wanted: State, there: State) -> Iterator[Drift]:
    """What no call of ours mends."""
    yield from wanted.drift
    for kind, names in (("account", wanted.accounts), ("qos", wanted.qos)):
        for name in names:
            if f"{kind} {name}" in there.strangers:
                yield Drift(f"{kind} {name}", "was not made by Shanyrak, so it is not changed, nor what is under it",
                            f"Slurm's administrator: remove it, or mark it as {MARK}'s")  # fmt: skip
    for name in sorted(there.accounts.keys() - wanted.accounts.keys()):
        yield Drift(f"account {name}", "belongs to no project or sector any more",
                    f"Slurm's administrator: sacctmgr delete account {name}")  # fmt: skip
    for name in sorted(there.qos.keys() - wanted.qos.keys()):
        yield Drift(
            f"qos {name}", "belongs to no project any more", f"Slurm's administrator: sacctmgr delete qos {name}"
        )
    yield from people.drift(wanted, there)


def _qos(qos: Qos, there: Qos | None) -> Iterator[Step]:
    if there is None:
        told = "".join(f" {unit}={amount}" for unit, amount in sorted(qos.before.items()))
        yield Step("sacctmgr", ("-i", "add", "qos", qos.name, f"Description={MARK} grants, paid before{told or ' nothing'}",
                                "Flags=NoDecay", f"GrpTRESMins={as_text(qos.minutes)}"))  # fmt: skip
    elif changed := _changed(qos.minutes, there.minutes):
        yield Step("sacctmgr", ("-i", "modify", "qos", qos.name, "set", f"GrpTRESMins={changed}"))


def _changed(wanted: Limits, there: Limits) -> str:
    """What brings the limits to those that are wanted; -1 takes one away."""
    values = {name: wanted.get(name, -1) for name in {*wanted, *there} if wanted.get(name) != there.get(name)}
    return as_text(values)


def _account(account: Account, there: Account | None) -> Iterator[Step]:
    values = []
    if there is None or there.share != account.share:
        values.append(f"Fairshare={account.share}")
    if changed := _changed(account.caps, there.caps if there else {}):
        values.append(f"GrpTRES={changed}")
    if account.paused != (there.paused if there else False):
        values.append(f"GrpJobs={0 if account.paused else -1}")
    if there is None:
        yield Step("sacctmgr", ("-i", "add", "account", account.name, f"Parent={account.parent}",
                                f"Description={MARK}", f"Organization={MARK}", *values))  # fmt: skip
    else:
        if there.parent != account.parent:
            values.append(f"Parent={account.parent}")
        if values:
            yield Step("sacctmgr", ("-i", "modify", "account", account.name, "set", *values))
    if account.qos and (there is None or there.qos != account.qos):
        yield Step(
            "sacctmgr",
            ("-i", "modify", "account", account.name, "set", f"QOS={account.qos}", f"DefaultQOS={account.qos}"),
        )


def _reservation(one: Reservation, there: Reservation | None, now_ms: int) -> Iterator[Step]:
    where = f"Nodes={','.join(sorted(one.nodes))}" if one.nodes else f"NodeCnt={one.count}"
    end = f"EndTime={_stamp(one.until_ms)}" if one.until_ms else "Duration=UNLIMITED"
    if there is None:
        whose = (f"Accounts={','.join(sorted(one.accounts))}", "Flags=MAGNETIC,IGNORE_JOBS") if one.accounts else (
            "Users=root", "Flags=MAINT,IGNORE_JOBS")  # fmt: skip
        start = _stamp(one.start_ms) if one.start_ms > now_ms else "now"
        yield Step(
            "scontrol",
            ("create", "reservation", f"ReservationName={one.name}", where, f"StartTime={start}", end, *whose),
        )
        return
    values = []
    if one.nodes != there.nodes if one.nodes else one.count != there.count:
        values.append(where)
    if one.accounts and one.accounts != there.accounts:
        values.append(f"Accounts={','.join(sorted(one.accounts))}")
    if one.start_ms > now_ms and one.start_ms // 1000 != there.start_ms // 1000:
        values.append(f"StartTime={_stamp(one.start_ms)}")
    if one.until_ms // 1000 != there.until_ms // 1000 if one.until_ms else there.until_ms < now_ms + SOON_MS:
        values.append(end)
    if values:
        yield Step("scontrol", ("update", f"ReservationName={one.name}", *values))


def _stamp(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
