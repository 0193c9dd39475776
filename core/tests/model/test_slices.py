"""Slices of a file: from either end, beyond it, and while it grows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.slices import read_slice

TEXT = b"0123456789"
anywhere = st.one_of(st.integers(-15, 15), st.integers())


@given(anywhere, anywhere)
def test_it_is_a_slice_whatever_is_asked(offset: int, limit: int) -> None:
    with Path(__file__).open("rb") as file:
        text = file.read()
        assert read_slice(file.fileno(), offset, limit) == text[offset:][: max(0, limit)]


def test_who_reads_on_while_it_grows_reads_all_of_it_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as writer, path.open("rb") as file:
        read = b""
        for piece in (TEXT, b"", TEXT):
            writer.write(piece)
            while part := read_slice(file.fileno(), len(read), 4):
                read += part
    assert read == TEXT + TEXT


def test_it_leaves_the_place_of_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(TEXT)
    with (tmp_path / "log").open("rb", buffering=0) as file:
        assert read_slice(file.fileno(), 0, 4) == b"0123"
        assert file.read() == TEXT
