"""Past work made fit for a rehearsal: the rule `archive`, what it leaves out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from shanyrak.api import Ints, Trace, UsageProblem

SECOND = 1000

_EXTRA = ("pool", "width", "units", "index")
_NEGATIVE = {"submit": "submission", "run": "run time", "limit": "requested time", "wait": "wait"}


@dataclass(frozen=True, slots=True)
class Past:
    """Jobs in order of submission, the first at 0; ms."""

    submit: Ints
    run: Ints
    limit: Ints
    """The time asked for; the run time where none was."""
    processors: Ints
    wait: Ints
    """As recorded; -1 unknown."""
    job: Ints
    """The number of the job in its trace, or its place in `job_names`."""
    job_names: Sequence[str]
    groups: Mapping[str, Ints]
    """`account`, `sector`, `class`: an index into `names`, -1 unknown. A column that the trace lacks is not there."""
    names: Mapping[str, Sequence[str]]
    extra: Mapping[str, Ints]
    """Columns that only a site's own journal has: `pool`, `width`, `units`, `index` (of the account)."""
    rows: int
    """Of the trace, before any was left out."""
    dropped: Mapping[str, int]
    """Why, and how many."""
    changed: Mapping[str, int]
    facts: Mapping[str, str]
    origin: int | None
    """The first submission in ms since the epoch, if the trace tells it."""

    def __len__(self) -> int:
        return len(self.submit)

    def label(self, row: int) -> str:
        """The job as its trace names it."""
        return self.job_names[self.job[row]] if self.job_names else str(int(self.job[row]))


def archive(trace: Trace, strict: bool = False) -> Past:
    """Keep jobs with a known submission, run >= 0 and processors > 0 (requested, else allocated).

    Then run = max(run, 1 s), limit = the time asked for, else run; run = min(run, limit); sorted by (submit, job), the
    first at 0. A time below -1 is an error, not an unknown: UsageProblem. With `strict` whatever would be left out is one.
    """
    columns = trace.columns
    _refuse_negative(trace)
    processors = _processors(columns)
    submit, run = columns["submit"], columns["run"]
    keep = (submit >= 0) & (run >= 0) & (processors > 0)
    dropped = _reasons({
        "submission unknown": submit < 0, "run time unknown": run < 0, "processors unknown or none": processors <= 0,
    })  # fmt: skip
    dropped = {**trace.left_out, **dropped}
    if strict and dropped:
        why = ", ".join(f"{count} with {reason}" for reason, count in dropped.items())
        raise UsageProblem(
            "the trace", f"rows of it cannot be rehearsed: {why}", "leave them out with `--clean archive`"
        )
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise UsageProblem("the trace", f"no job of it can be rehearsed: {_first_of(dropped)}")
    job, names = _numbers(trace)
    order = rows[_sorted(submit[rows], job[rows])]
    del rows, keep
    first = int(submit[order[0]])
    submit = submit[order] - first
    ran = run[order]
    length = np.maximum(ran, SECOND)
    asked = columns["limit"][order] if "limit" in columns else np.full(len(order), -1, np.int64)
    limit = np.where(asked > 0, asked, length)
    changed = _reasons({
        "run time below 1 s": ran < SECOND, "no requested time": asked <= 0, "ran past its requested time": length > limit,
    })  # fmt: skip
    return Past(
        submit, np.minimum(length, limit), limit, processors[order],
        columns["wait"][order] if "wait" in columns else np.full(len(order), -1, np.int64),
        job[order], names,
        {name: columns[name][order] for name in ("account", "sector", "class") if name in columns},
        {name: trace.names.get(name, ()) for name in ("account", "sector", "class")},
        {name: columns[name][order] for name in _EXTRA if name in columns},
        len(run), dropped, changed, trace.facts, int(trace.facts["start"]) + first if "start" in trace.facts else None,
    )  # fmt: skip


def _refuse_negative(trace: Trace) -> None:
    for name, words in _NEGATIVE.items():
        column = trace.columns.get(name)
        if column is None or not len(column) or column.min() >= -1:
            continue
        row = int(np.flatnonzero(column < -1)[0])
        job, names = _numbers(trace)
        label = names[job[row]] if names else str(int(job[row]))
        raise UsageProblem(
            f"job {label} of the trace",
            f"its {words} is {int(column[row]) / SECOND:g} s; only -1, for unknown, may be below zero",
            "correct that line",
        )


def _processors(columns: Mapping[str, Ints]) -> Ints:
    """Requested, else allocated."""
    requested, allocated = columns.get("processors"), columns.get("allocated")
    if requested is None:
        return columns["allocated"]
    return requested if allocated is None else np.where(requested > 0, requested, allocated)


def _numbers(trace: Trace) -> tuple[Ints, Sequence[str]]:
    """What names each job: its number or name in the trace when these are unique, else its row, from 1."""
    job = trace.columns.get("job")
    rows = len(trace.columns["submit"])
    if job is None or bool((job < 0).any()) or not _unique(job):
        return np.arange(1, rows + 1), ()
    return job, trace.names.get("job", ())


def _unique(values: Ints) -> bool:
    if bool((values[1:] > values[:-1]).all()):
        return True
    ordered = np.sort(values)
    return bool((ordered[1:] > ordered[:-1]).all())


def _sorted(submit: Ints, job: Ints) -> Ints:
    """Stable by submission, then job: files in order need no sort."""
    if bool((submit[1:] >= submit[:-1]).all()) and bool((job[1:] > job[:-1]).all()):
        return np.arange(len(submit))
    return np.lexsort((job, submit))


def _reasons(masks: Mapping[str, npt.NDArray[np.bool_]]) -> dict[str, int]:
    counts = {why: int(np.count_nonzero(mask)) for why, mask in masks.items()}
    return {why: count for why, count in counts.items() if count}


def _first_of(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} with {why}" for why, count in dropped.items()) or "it is empty"
