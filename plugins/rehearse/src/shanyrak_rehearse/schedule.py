"""A schedule as CSV: job, start, end in seconds of the trace, one line an attempt, by (start, place in the trace)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from shanyrak.api import Ints, UsageProblem

from shanyrak_rehearse.play import Played
from shanyrak_rehearse.work import Work

_LINES = 100_000


def lines(work: Work, played: Played) -> Iterator[bytes]:
    """The text of the file, some lines at a time: what is written, and what `schedule_sha256` is the hash of."""
    yield b"job,start,end\n"
    order = np.lexsort((played.job, played.at))
    labels, names = work.of(work.past.job), work.past.job_names
    for begin in range(0, len(order), _LINES):
        rows = order[begin : begin + _LINES]
        numbers = labels[played.job[rows]].tolist()
        jobs = [_quoted(names[number]) for number in numbers] if names else numbers
        text = [f"{job},{at},{end}\n" for job, at, end in zip(
            jobs, _seconds(played.at[rows]), _seconds(played.end[rows]), strict=True)]  # fmt: skip
        yield "".join(text).encode()


def schedule_sha256(work: Work, played: Played) -> str:
    """The hash of the file that `write` makes."""
    digest = hashlib.sha256()
    for text in lines(work, played):
        digest.update(text)
    return digest.hexdigest()


def write(work: Work, played: Sequence[Played], file: Path) -> list[Path]:
    """The schedule of each policy: in `file`, or of several policies in files beside it with their names. Gives these."""
    written = []
    for one in played:
        path = file if len(played) == 1 else file.with_name(f"{file.stem}-{one.policy.name}{file.suffix}")
        try:
            with open(path, "wb") as out:
                out.writelines(lines(work, one))
        except OSError as error:
            raise UsageProblem(f"--schedule {path}", f"it cannot be written ({error.strerror or error})") from None
        written.append(path)
    return written


def _seconds(ms: Ints) -> Sequence[object]:
    if not (ms % 1000).any():
        return list((ms // 1000).tolist())
    return [value // 1000 if value % 1000 == 0 else f"{value / 1000:.3f}" for value in ms.tolist()]


def _quoted(name: str) -> str:
    """As CSV wants it."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set('",\r\n') else name
