"""Standard Workload Format 2.2 (Chapin et al. 1999): comments at `;`, then 18 numbers a line, -1 for unknown.

Logs of later years have up to 21 fields; what follows the 18th is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from shanyrak.api import Trace

from shanyrak_rehearse.readers.build import Pieces, dense
from shanyrak_rehearse.readers.digits import Ints, Lines, column, split, words

FIELDS = 18
PIECE = 1 << 22
"""Bytes of text that are read at a time: what is made of them stays small."""

_TIMES = {"submit": 1, "wait": 2, "run": 3, "limit": 8}
_NUMBERS = {"job": 0, "allocated": 4, "processors": 7, "account": 11, "sector": 12, "class": 14}
_WORDS = {"account": "user", "sector": "group", "class": "queue"}


def sniff(head: bytes) -> bool:
    """The first line that is no comment has 18 words or more, all of the first 18 numbers."""
    for line in head.splitlines():
        if line.strip() and not line.lstrip().startswith(b";"):
            found = line.split()[:FIELDS]
            return len(found) == FIELDS and all(re.fullmatch(rb"[-+.\deE]+", word) for word in found)
    return False


def read(stream: BinaryIO) -> Trace:
    """All jobs of the file. Raises ValueError that names the line."""
    pieces = Pieces([*_TIMES, *_NUMBERS])
    remarks: list[str] = []
    number = 0
    for text in _texts(stream):
        lines = split(text)
        rows = np.flatnonzero(lines.many)
        remark = lines.text[lines.begin[lines.first[rows]]] == ord(";")
        if remark.any():
            remarks += [" ".join(words(lines, row)) for row in rows[remark][: 1000 - len(remarks)].tolist()]
            rows = rows[~remark]
        _read_rows(lines, rows, pieces, number)
        number += len(lines.many)
    columns, names = _columns(pieces, _queues(remarks))
    return Trace(columns, names, _facts(remarks))


def _texts(stream: BinaryIO) -> Iterator[bytes]:
    """The text in pieces of whole lines."""
    rest = b""
    while piece := stream.read(PIECE):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield rest + piece[:cut]
            rest = piece[cut:]
        else:
            rest += piece
    if rest:
        yield rest + b"\n"


def _read_rows(lines: Lines, rows: Ints, pieces: Pieces, before: int) -> None:
    short = lines.many[rows] < FIELDS
    if short.any():
        row = int(rows[short][0])
        raise ValueError(f"line {before + row + 1} has {int(lines.many[row])} fields, not {FIELDS} or more")
    for name, word in {**_TIMES, **_NUMBERS}.items():
        scale = 1000 if name in _TIMES else 1
        try:
            values = column(lines, rows, word, scale)
        except ValueError as error:
            row = int(rows[error.args[0]])
            wrong = words(lines, row)[word][:40]
            raise ValueError(f"line {before + row + 1}: field {word + 1} is {wrong!r}, not a number") from None
        values[values == -scale] = -1
        pieces.add(name, values)


def _columns(pieces: Pieces, queues: dict[int, str]) -> tuple[dict[str, Ints], dict[str, tuple[str, ...]]]:
    columns: dict[str, Ints] = {}
    names: dict[str, tuple[str, ...]] = {}
    for name in (*_TIMES, *_NUMBERS):
        values = pieces.take(name)
        if values is None:
            continue
        if name in _WORDS:
            values, distinct = dense(values)
            known = queues if name == "class" else {}
            names[name] = tuple(known.get(one, f"{_WORDS[name]} {one}") for one in distinct.tolist())
        columns[name] = values
    return columns, names


def _queues(remarks: list[str]) -> dict[int, str]:
    """`; Queue: 3 normal`."""
    found = [re.match(r";\s*Queue:\s*(\d+)\s+(\S+)", remark) for remark in remarks]
    return {int(one[1]): one[2] for one in found if one}


def _facts(remarks: list[str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for remark in remarks:
        key, colon, value = remark.lstrip("; ").partition(":")
        value = value.strip()
        if colon and key == "Computer":
            facts.setdefault("computer", value)
        elif colon and key == "Installation":
            facts.setdefault("installation", value)
        elif colon and key == "MaxProcs" and value.isdigit():
            facts.setdefault("processors", value)
        elif colon and key == "UnixStartTime" and value.isdigit():
            facts.setdefault("start", str(int(value) * 1000))
    return facts
