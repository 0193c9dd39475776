"""What a policy did with the work of a trace, in figures: the entry of one policy in the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from shanyrak.api import Ints

from shanyrak_rehearse.figures import HOUR, groups, quantile, sizes, slowdowns, waits
from shanyrak_rehearse.gains import gains
from shanyrak_rehearse.play import Played
from shanyrak_rehearse.schedule import schedule_sha256
from shanyrak_rehearse.work import Work

FEW_SECTORS = 12
"""So many are told of in any case."""


def kinds(work: Work) -> dict[str, tuple[Ints, Sequence[str]]]:
    """The groups by which a report tells figures: `sector`, `account` and `class` as the trace has them, and `size`.

    Sectors are left out when nearly each account has one of its own: they would tell the same again.
    """
    past, out = work.past, {}
    for name, column in past.groups.items():
        out[name] = (work.of(column), past.names[name])
    if "sector" in out and "account" in out:
        sectors, accounts = (len(np.unique(out[name][0])) for name in ("sector", "account"))
        if sectors > FEW_SECTORS and 2 * sectors > accounts:
            del out["sector"]
    out["size"] = sizes(work.width * work.units)
    return out


def outcome(work: Work, played: Played, first: Played, timing: bool) -> dict[str, Any]:
    """The figures of `played`, compared with those of `first`."""
    submit, run = work.of(work.past.submit), work.of(work.past.run)
    ran = played.start >= 0
    wait, use = (played.start - submit)[ran], (work.width * work.units * (played.over - played.start))[ran]
    by = {name: (index[ran], names) for name, (index, names) in kinds(work).items()}
    entry: dict[str, Any] = {
        "name": played.policy.name, "version": played.policy.version, "plugin": played.policy.plugin,
        "jobs": int(np.count_nonzero(ran)), "never_started": int(np.count_nonzero(~ran)),
        "wait": waits(wait),
        "bounded_slowdown": {"mean": round(float(slowdowns(wait, run[ran]).mean()), 4) if len(wait) else 0.0},
        **_use(work, played, int(submit[-1])),
        "promises": _promises(played) | _cost(work, played),
        "preemptions": _preemptions(work, played),
        "by": {name: groups(*group, wait, run[ran], use) for name, group in by.items()},
    }  # fmt: skip
    if played is not first:
        both = ran & (first.start >= 0)
        entry["against"] = {"name": first.policy.name} | gains(
            (first.start - submit)[both], (played.start - submit)[both],
            {name: (index[both], names) for name, (index, names) in kinds(work).items()},
        )  # fmt: skip
    entry["schedule_sha256"] = schedule_sha256(work, played)
    if timing:
        entry |= {
            "seconds": round(played.seconds, 4), "jobs_per_second": round(played.jobs_per_second, 1),
            "rounds": played.rounds, "rounds_skipped": played.skipped,
        }  # fmt: skip
    return entry


def recorded(work: Work) -> dict[str, Any] | None:
    """The waits that the trace itself records, of the same jobs; None when it has none."""
    wait = work.of(work.past.wait)
    known = wait >= 0
    if not known.any():
        return None
    run = work.of(work.past.run)[known]
    return {
        "jobs": int(np.count_nonzero(known)), "wait": waits(wait[known]),
        "bounded_slowdown": {"mean": round(float(slowdowns(wait[known], run).mean()), 4)},
        "caveat": "Recorded waits hold the downtimes, reservations and changes of rules of their days, which no policy"
        " here has. Compare policies with each other.",
    }  # fmt: skip


def _use(work: Work, played: Played, last: int) -> dict[str, Any]:
    """Units in use, of all there are; what was lost by stops counts as not used."""
    whole = played.stopped_for < 0
    units = (work.width * work.units)[played.job]
    busy = int((units * (played.end - played.at))[whole].sum())
    span = int(played.over.max(initial=0))
    until = np.minimum(played.end, last) - np.minimum(played.at, last)
    return {
        "utilisation": round(busy / (work.machine.total * span), 6) if span else 0.0,
        "utilisation_until_last_submission": round(int((units * until)[whole].sum()) / (work.machine.total * last), 6)
        if last else 0.0,
        "last_end_s": round(span / 1000, 3),
    }  # fmt: skip


def _promises(played: Played) -> dict[str, Any]:
    """A promise is kept when the work starts by then. What is early is by how much."""
    had = played.promise > 0
    early = np.sort((played.promise - played.at)[had])
    broken = int(np.count_nonzero(early < 0))
    out: dict[str, Any] = {"given": max(played.given, len(early)), "kept": len(early) - broken, "broken": broken}
    out["causes"] = {"no cause recorded": broken} if broken else {}
    if len(early):
        out["early"] = {
            "median_s": round(quantile(early, 0.5) / 1000, 3), "p95_s": round(quantile(early, 0.95) / 1000, 3)
        }  # fmt: skip
    return out


def _cost(work: Work, played: Played) -> dict[str, Any]:
    """What the promises cost, or bring: the waits of the same policy when it makes its reservations anew in each round."""
    plain = played.without
    if plain is None or not (plain.start >= 0).any():
        return {}
    submit, run = work.of(work.past.submit), work.of(work.past.run)
    ran = plain.start >= 0
    wait = (plain.start - submit)[ran]
    slow = {"mean": round(float(slowdowns(wait, run[ran]).mean()), 4)}
    return {"without": {"wait": waits(wait), "bounded_slowdown": slow}}


def _preemptions(work: Work, played: Played) -> dict[str, Any]:
    """Attempts that were stopped for other work, what they lost, who paid and for whom.

    `reclaim`: of the work for which others were stopped, the time from its submission to its start.
    """
    stopped = np.flatnonzero(played.stopped_for >= 0)
    job = played.job[stopped]
    lost = (work.width * work.units)[job] * (played.end - played.at)[stopped]
    out: dict[str, Any] = {"stops": len(stopped), "unit_hours_lost": round(int(lost.sum()) / HOUR, 3)}
    if not len(stopped):
        return out
    claimed = np.unique(played.stopped_for[stopped])
    claimed = claimed[played.start[claimed] >= 0]
    submit = work.of(work.past.submit)
    out["reclaim"] = {"jobs": len(claimed)} | waits((played.start - submit)[claimed])
    for name in ("sector", "account"):
        if name in work.past.groups:
            index, names = work.of(work.past.groups[name]), work.past.names[name]
            out[f"paid_by_{name}"] = _totals(index[job], names, lost)
            out[f"paid_for_{name}"] = _totals(index[played.stopped_for[stopped]], names, lost)
    return out


def _totals(index: Ints, names: Sequence[str], lost: Ints) -> list[dict[str, Any]]:
    rows = []
    for number in np.unique(index).tolist():
        mine = index == number
        rows.append({
            "name": names[number] if number >= 0 else "unknown", "stops": int(np.count_nonzero(mine)),
            "unit_hours": round(int(lost[mine].sum()) / HOUR, 3),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-row["unit_hours"], row["name"]))
