"""Several files as one trace: what follows what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from shanyrak.api import Trace, UsageProblem


def joined(traces: Sequence[Trace], files: Sequence[str]) -> Trace:
    """The rows of all. A column that one of them lacks is unknown there. Times are moved to one clock.

    Job numbers are kept when they are of one form and no two files share one.
    """
    starts = [int(trace.facts["start"]) if "start" in trace.facts else None for trace in traces]
    if len(set(starts)) > 1 and None in starts:
        raise UsageProblem(
            f"{files[starts.index(None)]}", "it does not say when its clock began, others of the traces do",
            "rehearse them one by one",
        )  # fmt: skip
    base = min((start for start in starts if start is not None), default=0)
    shifts = [0 if start is None else start - base for start in starts]
    columns, names = {}, {}
    for name in sorted({name for trace in traces for name in trace.columns}):
        parts, known = [], dict[str, int]()
        named = any(name in trace.names for trace in traces)
        for trace, shift in zip(traces, shifts, strict=True):
            rows = len(trace.columns["submit"]) if "submit" in trace.columns else 0
            part = trace.columns.get(name, np.full(rows, -1, np.int64))
            if named:
                place = [known.setdefault(text, len(known)) for text in trace.names.get(name, ())]
                part = np.array([*place, -1], np.int64)[part]
            if name == "submit" and shift:
                part = np.where(part >= 0, part + shift, part)
            parts.append(part)
        columns[name] = np.concatenate(parts)
        if named:
            names[name] = tuple(known)
    if "job" in columns and "job" not in names and len(np.unique(columns["job"])) < len(columns["job"]):
        del columns["job"]
    left_out: dict[str, int] = {}
    for trace in traces:
        for why, count in trace.left_out.items():
            left_out[why] = left_out.get(why, 0) + count
    facts = dict(traces[0].facts) | ({"start": str(base)} if "start" in traces[0].facts else {})
    return Trace(columns, names, facts, left_out)
