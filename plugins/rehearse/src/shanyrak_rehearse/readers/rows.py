"""Tables with a line of headings, some thousand rows at a time, and the times in their cells."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from typing import BinaryIO

import numpy as np

from shanyrak_rehearse.readers.digits import Ints

ROWS = 50_000
"""Rows that are read at a time."""

_NOTHING = frozenset({"", "unknown", "none", "null", "nan", "n/a", "-1", "-1.0", "invalid", "partition_limit"})


def headings(head: bytes, delimiter: str) -> list[str]:
    """The cells of the first line, in lower case."""
    first = head.decode("utf-8-sig", "replace").splitlines()[:1]
    return [cell.strip().lower() for cell in next(csv.reader(first, delimiter=delimiter), [])]


def batches(stream: BinaryIO, delimiter: str, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, list[str]]]]:
    """(number of the first line, the wanted columns) of some thousand rows at a time.

    A name of `wanted` that is no heading is an error (ValueError), and so is a row with too few cells.
    """
    text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        rows = csv.reader(text, delimiter=delimiter)
        heads = [cell.strip().lower() for cell in next(rows, [])]
        places = [heads.index(name) for name in wanted]
        most, line = max(places), 2
        while batch := list(islice(rows, ROWS)):
            kept = [row for row in batch if row]
            short = next((row for row in kept if len(row) <= most), None)
            if short is not None:
                raise ValueError(f"line {line + batch.index(short)} has {len(short)} cells, not {most + 1} or more")
            yield line, {name: [row[at].strip() for row in kept] for name, at in zip(wanted, places, strict=True)}
            line += len(batch)
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None
    except csv.Error as error:
        raise ValueError(f"it is no table ({error})") from None
    finally:
        text.detach()


def numbers(cells: Iterable[str], scale: int, where: str, line: int) -> Ints:
    """Each cell times `scale` in whole numbers; what says nothing is -1."""
    out = []
    for cell in cells:
        try:
            out.append(round(float(cell) * scale))
        except (ValueError, OverflowError):
            if cell.lower() not in _NOTHING:
                raise ValueError(f"column {where}, line {line + len(out)}: {cell[:40]!r} is not a number") from None
            out.append(-1)
        else:
            if out[-1] == -scale:
                out[-1] = -1
    return np.array(out, np.int64)


def instants(cells: Sequence[str], where: str, line: int) -> Ints:
    """Each cell, seconds or a date with a time (read as UTC when it has no zone), as ms; what says nothing is -1."""
    if not cells:
        return np.zeros(0, np.int64)
    if _is_number(next((cell for cell in cells if cell.lower() not in _NOTHING), "0")):
        return numbers(cells, 1000, where, line)
    if any("+" in cell or cell.count("-") > 2 for cell in cells):  # a zone, which numpy does not read
        return np.array([_instant(cell, where, line + i) for i, cell in enumerate(cells)], np.int64)
    known = [cell.lower() not in _NOTHING for cell in cells]
    plain = [
        cell.replace(" ", "T", 1).removesuffix("Z") if good else "NaT" for cell, good in zip(cells, known, strict=True)
    ]
    try:
        whole = np.array(plain, "datetime64[ms]")
    except ValueError:
        return np.array([_instant(cell, where, line + i) for i, cell in enumerate(cells)], np.int64)
    return np.where(known, whole.astype(np.int64), -1)


def _instant(cell: str, where: str, line: int) -> int:
    """One date, with a zone perhaps."""
    from datetime import UTC, datetime

    if cell.lower() in _NOTHING:
        return -1
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"column {where}, line {line}: {cell[:40]!r} is neither seconds nor a date") from None
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def durations(cells: Iterable[str], where: str, line: int) -> Ints:
    """Seconds, or `[days-]hours:minutes:seconds`, as ms; what says nothing is -1."""
    out = []
    for cell in cells:
        try:
            out.append(_duration(cell))
        except ValueError:
            raise ValueError(f"column {where}, line {line + len(out)}: {cell[:40]!r} is not a duration") from None
    return np.array(out, np.int64)


def _duration(cell: str) -> int:
    if cell.lower() in _NOTHING or cell.upper() == "UNLIMITED":
        return -1
    if ":" not in cell and "-" not in cell[1:]:
        return round(float(cell) * 1000)
    days, dash, clock = cell.rpartition("-")
    parts = [float(part) for part in clock.split(":")]
    if dash:
        parts += [0.0] * (3 - len(parts))
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + part
    return round(1000 * (seconds + 86_400 * int(days or 0)))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
