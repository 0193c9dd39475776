"""The report as one document: what was rehearsed, how, and what came out. The same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shanyrak.api import Params

from shanyrak_rehearse.figures import HOUR
from shanyrak_rehearse.outcome import outcome, recorded
from shanyrak_rehearse.play import Played
from shanyrak_rehearse.sources import Source, sha256_of
from shanyrak_rehearse.work import Work

MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Semantics:
    """What a rehearsal takes for granted, as it was asked for."""

    clean: str
    estimates: str
    events: str
    promises: str
    site: str
    """The name of the site whose sectors, classes and settings hold; empty: none."""
    params: Params


def report(
    sources: Sequence[Source], work: Work | None, semantics: Semantics, played: Sequence[Played],
    coming: dict[str, Any] | None, timing: bool,
) -> dict[str, Any]:  # fmt: skip
    """The document. What is measured on this machine (speed) is in it with `timing` alone.

    `work` None: there is no past work; `coming`: what happens from now on (`tonight`).
    """
    document: dict[str, Any] = {
        "trace": {"sha256": sha256_of(sources), "jobs": 0, "dropped": 0} if work is None else _trace(sources, work),
        "semantics": _semantics(semantics, work),
        "policies": [] if work is None else [outcome(work, one, played[0], timing) for one in played],
    }
    as_recorded = None if work is None else recorded(work)
    if as_recorded:
        document["recorded"] = as_recorded
    if coming is not None:
        document["live"] = coming
    return document


def _trace(sources: Sequence[Source], work: Work) -> dict[str, Any]:
    past, machine = work.past, work.machine
    use = int((past.run * past.processors).sum())
    span = int(past.submit[-1])
    demand = int((work.width * work.units * work.of(past.run)).sum())
    return {
        "sha256": sha256_of(sources),
        "files": [{"name": one.name, "sha256": one.sha256, "reader": one.reader} for one in sources],
        **{name: text for name, text in past.facts.items() if name in ("computer", "installation")},
        "rows": past.rows,
        "jobs": len(past),
        "dropped": sum(past.dropped.values()),
        "dropped_why": dict(past.dropped),
        "changed": dict(past.changed),
        "too_large": {
            "jobs": len(work.too_large),
            "list": [past.label(row) for row in work.too_large[:MOST_LISTED].tolist()],
        },
        "span_s": round(span / 1000, 3),
        "processor_hours": round(use / HOUR, 3),
        "load": round(demand / (machine.total * span), 6) if span else 0.0,
        **{f"{name}s" if name != "class" else "classes": len(past.names[name]) for name in past.groups},
    }


def _semantics(semantics: Semantics, work: Work | None) -> dict[str, Any]:
    estimates = {
        "given": "limit = the time asked for, else the run time",
        "exact": "limit = the run time",
    }.get(semantics.estimates, f"limit = the run time x {semantics.estimates[1:]}")
    return {
        "machine": {} if work is None else work.machine.told(),
        "clean": {
            "rule": semantics.clean,
            "words": "jobs with a submission, run >= 0 and processors > 0 (requested, else allocated); run = max(run, 1 s);"
            " limit = requested time, else run; run = min(run, limit); by (submission, job), the first at 0",
        },
        "estimates": {"rule": semantics.estimates, "words": f"{estimates}; what runs is ended at its limit"},
        "events": {
            "rule": semantics.events,
            "words": "all events of one instant are a batch, ends before submissions"
            if semantics.events == "batch" else "each event is an instant of its own, submissions before ends",
        },
        "promises": {
            "rule": semantics.promises,
            "words": "reservations are made anew at each decision"
            if semantics.promises == "off" else "a start once promised is state, and no later plan may move it back",
        },
        "definitions": {
            "wait": "from submission to the start of the attempt that ran to its end",
            "median_s": "of an even number, the mean of the middle two",
            "p95_s": "the least wait that 95 of 100 jobs do not exceed",
            "bounded_slowdown": "max(1, (wait + run) / max(run, 10 s)), the mean over jobs",
            "utilisation": "units in use by work that ran to its end, of all units from the first submission to the last end",
            "utilisation_until_last_submission": "the same, from the first submission to the last",
            "winners_and_losers": "by hours waited in all, against the first policy",
            "schedule_sha256": "of the file that --schedule writes",
        },
        "site": semantics.site or None,
        "params": dict(sorted(semantics.params.items())),
        "seed": None,
    }  # fmt: skip
