"""A CSV with a line of headings, as the reduced Philly trace is: one job a row, in any order."""

from __future__ import annotations

from typing import BinaryIO

from shanyrak.api import Trace

from shanyrak_rehearse.readers.build import Pieces, by_name, codes
from shanyrak_rehearse.readers.digits import Ints
from shanyrak_rehearse.readers.rows import batches, durations, headings, instants, numbers

HEADINGS = {
    "submit": ("submit", "submit_time", "submitted", "timestamp"),
    "run": ("run", "run_time", "runtime", "duration"),
    "processors": ("processors", "gpus", "num_gpus", "gpu_num", "procs", "units"),
    "wait": ("wait", "wait_time", "waited"),
    "limit": ("limit", "walltime", "time_limit", "requested_time", "estimate"),
    "job": ("job", "job_id", "jobid", "id"),
    "account": ("account", "project", "user", "cluster", "vc"),
    "sector": ("sector", "group"),
    "class": ("class", "queue", "partition"),
}
"""Column -> the headings it may have, in the order in which they are looked for."""

_DATES = 500_000_000_000
"""What is more (ms) is taken for a time since 1970, not since the begin of the trace."""
_MUST = ("submit", "run", "processors")
_NAMED = ("job", "account", "sector", "class")


def sniff(head: bytes) -> bool:
    """Headings with commas, and a submission among them."""
    found = headings(head, ",")
    return len(found) > 1 and any(name in found for name in HEADINGS["submit"])


def read(stream: BinaryIO) -> Trace:
    """All jobs of the file. Raises ValueError that names the line, or the columns that are missing."""
    head = stream.peek(1 << 16) if hasattr(stream, "peek") else b""
    heads = headings(head, ",")
    chosen = {
        column: next(name for name in names if name in heads)
        for column, names in HEADINGS.items()
        if any(name in heads for name in names)
    }
    missing = [f"{column} ({' or '.join(HEADINGS[column])})" for column in _MUST if column not in chosen]
    if missing:
        raise ValueError(f"it has no column for {', nor for '.join(missing)}; its headings are {', '.join(heads[:20])}")
    pieces, known = Pieces(chosen), {name: dict[str, int]() for name in _NAMED}
    for line, cells in batches(stream, ",", list(chosen.values())):
        for column, heading in chosen.items():
            pieces.add(column, _values(column, heading, cells[heading], line, known))
    columns: dict[str, Ints] = {}
    names: dict[str, tuple[str, ...]] = {}
    for column in chosen:
        values = pieces.take(column)
        if values is None:
            continue
        if column in known:
            values, names[column] = by_name(values, known[column])
        columns[column] = values
    dated = int(columns["submit"].max(initial=0)) > _DATES if "submit" in columns else False
    return Trace(columns, names, {"start": "0"} if dated else {})


def _values(column: str, heading: str, cells: list[str], line: int, known: dict[str, dict[str, int]]) -> Ints:
    if column in known:
        return codes(cells, known[column])
    if column == "submit":
        return instants(cells, heading, line)
    if column == "processors":
        return numbers(cells, 1, heading, line)
    return durations(cells, heading, line)
