"""What a reader of past work is held to: sound columns, the same however the file comes, and no guess about what it cannot read."""

from __future__ import annotations

from collections.abc import Callable
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, BinaryIO

import numpy as np
import pytest
from shanyrak.api import Problem, Reader, Trace, load

HOOK = "shanyrak_rehearse_readers"
CAPABILITIES: dict[str, str] = {}

Read = Callable[[BinaryIO], Trace]
HEAD = 1 << 16
PART = 100


class Drops(RawIOBase):
    """A stream that gives a part at a time, the first of them long enough for a line of headings."""

    def __init__(self, text: bytes) -> None:
        self._rest = text

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self._rest = self._rest[:PART], self._rest[PART:]
        buffer[: len(part)] = part
        return len(part)


@pytest.fixture
def read(record: Reader) -> Read:
    """The reader's own function."""
    function: Read = load(record.target)
    return function


@pytest.fixture
def sample(record: Reader) -> bytes:
    """A small file of its kind."""
    assert record.sample, "a reader names a `sample`: the bytes of a small file of its kind"
    text: bytes = load(record.sample)
    return text


def stream(text: bytes) -> BinaryIO:
    return BufferedReader(BytesIO(text))


def data(trace: Trace) -> dict[str, Any]:
    """A trace as plain values."""
    columns = {name: values.tolist() for name, values in trace.columns.items()}
    return {
        "columns": columns,
        "names": {name: list(of) for name, of in trace.names.items()},
        "facts": dict(trace.facts),
    }


def test_its_columns_are_sound(read: Read, sample: bytes) -> None:
    """int64 of one length, with when it came, how long it ran, and how large it was; -1 for unknown."""
    trace = read(stream(sample))
    columns = trace.columns
    assert {"submit", "run"} <= set(columns) and {"processors", "allocated"} & set(columns)
    assert {values.dtype for values in columns.values()} == {np.dtype(np.int64)}
    assert len({len(values) for values in columns.values()}) == 1 and len(columns["submit"]) > 1
    assert all((values >= -1).all() for values in columns.values())
    for name, values in trace.names.items():
        assert (columns[name] < len(values)).all(), f"column {name} has names for all it counts"
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in trace.facts.items())


def test_the_same_file_gives_the_same(read: Read, sample: bytes) -> None:
    """Twice, and in small parts."""
    first = data(read(stream(sample)))
    assert data(read(stream(sample))) == first
    assert data(read(BufferedReader(Drops(sample), PART))) == first


def test_ends_of_lines_do_not_matter(read: Read, sample: bytes) -> None:
    """As other systems write them, and with none at the very end."""
    if b"\0" in sample or b"\n" not in sample:
        pytest.skip("its files are not text")
    first = data(read(stream(sample)))
    assert data(read(stream(sample.replace(b"\n", b"\r\n")))) == first
    assert data(read(stream(sample.rstrip(b"\n")))) == first


@pytest.mark.parametrize("text", [b"", b"\n\n", b"what is this\n", bytes(range(256)) * 8, b"1 2\n" * 50, b",,,\n|||\n"])
def test_what_it_cannot_read_is_said_in_words(read: Read, text: bytes) -> None:
    """Another file than its own is an error that says where, or a trace without rows; nothing else."""
    try:
        trace = read(stream(text))
    except (ValueError, Problem) as error:
        assert str(error).strip()
    else:
        rows = {len(values) for values in trace.columns.values()}
        assert rows <= {0} or sum(trace.left_out.values()) + max(rows) <= len(text.splitlines())


def test_it_knows_its_own(record: Reader, sample: bytes) -> None:
    """By the head of a file, if it looks at heads; and it claims no file that is clearly another's."""
    assert record.sniff or record.endings, "nothing leads a file to it"
    if record.sniff:
        sniff = load(record.sniff)
        assert sniff(sample[:HEAD]) is True
        assert [
            text for text in (b"", b"\n", bytes(range(256)), b"\x1f\x8b\x08\x00", b"%PDF-1.7\n") if sniff(text)
        ] == []
    assert all(ending.startswith(".") and ending == ending.lower() for ending in record.endings)
