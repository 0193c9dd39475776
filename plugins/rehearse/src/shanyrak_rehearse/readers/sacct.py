"""What `sacct --parsable2` prints: one line a job, and lines of its steps, which are left out.

GPUs are the processors when any job has GPUs (`gres/gpu` in AllocTRES or ReqTRES), else CPUs are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from shanyrak.api import Trace

from shanyrak_rehearse.readers.build import Pieces, by_name, codes
from shanyrak_rehearse.readers.digits import Ints
from shanyrak_rehearse.readers.rows import batches, durations, headings, instants, numbers

_GPUS = re.compile(r"gres/gpu=(\d+)")

_RUN = ("elapsedraw", "elapsed")
_CPUS = ("reqcpus", "alloccpus", "ncpus")
_NAMED = {"job": ("jobid", "jobidraw"), "account": ("account", "user"), "class": ("qos", "partition")}


def sniff(head: bytes) -> bool:
    """Headings between `|`, with JobID or Submit among them."""
    found = headings(head, "|")
    return len(found) > 1 and bool({"jobid", "jobidraw", "submit"} & set(found))


def read(stream: BinaryIO) -> Trace:
    """All jobs of the dump. Raises ValueError that names the line, or the columns that are missing."""
    head = stream.peek(1 << 16) if hasattr(stream, "peek") else b""
    heads = headings(head, "|")
    names = {column: next((one for one in those if one in heads), "") for column, those in _NAMED.items()}
    run, tres = (
        next((one for one in _RUN if one in heads), ""),
        [one for one in ("reqtres", "alloctres") if one in heads],
    )
    cpus = [one for one in _CPUS if one in heads]
    missing = [
        name for name, there in (("JobID", names["job"]), ("Submit", "submit" in heads), ("ElapsedRaw", run),
                                 ("ReqCPUS or ReqTRES", cpus or tres)) if not there
    ]  # fmt: skip
    if missing:
        raise ValueError(
            f"it has no column {', '.join(missing)}; run sacct with"
            " --format=JobID,Account,QOS,Partition,Submit,Start,ElapsedRaw,TimelimitRaw,State,ReqCPUS,ReqTRES,AllocTRES"
        )
    wanted = {name for name in names.values() if name} | {"submit", run, *cpus, *tres}
    wanted |= {name for name in ("start", "timelimitraw", "timelimit", "state") if name in heads}
    pieces = Pieces(["submit", "wait", "run", "limit", "cpus", "gpus", *_NAMED])
    known = {name: dict[str, int]() for name in _NAMED}
    steps = 0
    for line, cells in batches(stream, "|", sorted(wanted)):
        ids = cells[names["job"]]
        jobs = [i for i, id_ in enumerate(ids) if "." not in id_]
        steps += len(ids) - len(jobs)
        part = {name: [column[i] for i in jobs] for name, column in cells.items()}
        _add(pieces, part, line, run, cpus, tres)
        for column, name in names.items():
            pieces.add(column, codes(part[name] if name else [""] * len(jobs), known[column]))
    return _trace(pieces, known, steps)


def _add(
    pieces: Pieces, part: dict[str, list[str]], line: int, run: str, cpus: Sequence[str], tres: Sequence[str]
) -> None:
    submit = instants(part["submit"], "Submit", line)
    start = instants(part["start"], "Start", line) if "start" in part else np.full(len(submit), -1)
    pieces.add("submit", submit)
    pieces.add("wait", np.where((start >= 0) & (submit >= 0), np.maximum(start - submit, 0), -1))
    ran = durations(part[run], run, line)
    # What never began has no run time: sacct says 0 for it.
    pieces.add("run", np.where((start < 0) & (ran == 0), -1, ran) if "start" in part else ran)
    if "timelimitraw" in part:
        minutes = numbers([_finite(cell) for cell in part["timelimitraw"]], 60_000, "TimelimitRaw", line)
        pieces.add("limit", minutes)
    elif "timelimit" in part:
        pieces.add("limit", durations([_finite(cell) for cell in part["timelimit"]], "Timelimit", line))
    else:
        pieces.add("limit", np.full(len(submit), -1))
    pieces.add("cpus", _first([numbers(part[name], 1, name, line) for name in cpus], len(submit)))
    pieces.add("gpus", _first([_gpus(part[name]) for name in tres], len(submit)))


def _finite(cell: str) -> str:
    return "" if cell.upper() in ("UNLIMITED", "PARTITION_LIMIT") else cell


def _gpus(cells: list[str]) -> Ints:
    found = [_GPUS.search(cell) for cell in cells]
    return np.array([int(one[1]) if one else -1 for one in found], np.int64)


def _first(columns: list[Ints], rows: int) -> Ints:
    """The first column's value that is known and not zero."""
    out = np.full(rows, -1)
    for column in columns:
        out = np.where(out > 0, out, column)
    return out


def _trace(pieces: Pieces, known: dict[str, dict[str, int]], steps: int) -> Trace:
    columns = {name: pieces.take(name) for name in ("submit", "wait", "run", "limit")}
    cpus, gpus = pieces.take("cpus"), pieces.take("gpus")
    columns["processors"] = cpus if gpus is None else gpus
    names: dict[str, tuple[str, ...]] = {}
    for column, those in known.items():
        values = pieces.take(column)
        if values is not None:
            columns[column], names[column] = by_name(values, those)
    there = {name: values for name, values in columns.items() if values is not None}
    facts = {"start": "0", "processor": "GPU" if gpus is not None else "CPU"}
    return Trace(there, names, facts, {"step of a job": steps} if steps else {})
