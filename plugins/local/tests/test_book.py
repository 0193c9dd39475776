"""The book: a prefix of what was meant, whatever the disk does; followed cheaply, over replacement too."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak_local.book import Facts, Reader, Writer, decode, encode

KEYS = ("t0", "t1", "t2", "t3")
RECORDS = st.lists(
    st.one_of(
        st.builds(lambda t: {"k": "start", "t": t, "n": 1}, st.sampled_from(KEYS)),
        st.builds(lambda t: {"k": "end", "t": t}, st.sampled_from(KEYS)),
        st.builds(lambda t: {"k": "undo", "t": t}, st.sampled_from(KEYS)),
        st.builds(lambda t: {"k": "fence", "t": [t]}, st.sampled_from(KEYS)),
        st.builds(lambda t: {"k": "forget", "t": [t]}, st.sampled_from(KEYS)),
        st.builds(lambda p: {"k": "worker", "pid": p, "start": p}, st.integers(1, 4)),
    ),
    max_size=30,
)


def folded(facts: Facts) -> tuple:
    return facts.starts, facts.ends, facts.fences, facts.workers


@given(RECORDS, st.integers(0, 30), st.integers(0, 30))
def test_a_reader_agrees_with_the_writer_over_compaction(tmp_path_factory, records, cut, look):
    folder = tmp_path_factory.mktemp("book")
    writer, reader = Writer(folder), Reader(folder)
    for index, record in enumerate(records):
        writer.append(record)
        writer.flush()
        if index == look:
            reader.refresh()
        if index == cut:
            writer.compact()
    assert folded(reader.refresh()) == folded(writer.facts)
    writer.close()
    again = Writer(folder)
    assert folded(again.facts) == folded(reader.facts)
    again.close()


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text()), max_size=4), st.integers(0, 1000))
def test_a_changed_line_is_noticed(record, place):
    line = encode(record)
    assert line.endswith(b"\n") and decode(line[:-1]) == record
    place %= len(line) - 1
    changed = bytearray(line[:-1])
    changed[place] ^= 1
    assert decode(bytes(changed)) is None


def test_after_short_writes_the_rest_follows(tmp_path, monkeypatch):
    writer, reader, real = Writer(tmp_path), Reader(tmp_path), os.write
    room = [25]

    def write(fd, data):
        if not room[0]:
            raise OSError(28, "No space left on device")
        count = min(room[0], len(data))
        room[0] -= count
        return real(fd, bytes(data[:count]))

    monkeypatch.setattr(os, "write", write)
    for token in KEYS:
        writer.append({"k": "start", "t": token})
        assert not writer.flush()
    assert folded(reader.refresh())[0] == {}
    assert (tmp_path / "book").stat().st_size == 25
    room[0] = 1 << 20
    assert writer.flush()
    monkeypatch.undo()
    assert list(reader.refresh().starts) == list(KEYS)
    assert reader.facts.damaged == 0
    writer.close()


def test_a_book_that_was_cut_and_grew_or_was_replaced_in_place_is_read_right(tmp_path):
    reader, lines = Reader(tmp_path), [encode({"k": "start", "t": f"t{n}", "head": n}) for n in range(6)]
    path = tmp_path / "book"
    path.write_bytes(lines[0] + lines[1][:10])
    assert list(reader.refresh().starts) == ["t0"]
    with open(path, "r+b") as book:
        book.truncate(len(lines[0]))
        book.seek(len(lines[0]))
        book.write(lines[2] + lines[3])
    assert list(reader.refresh().starts) == ["t0", "t2", "t3"]
    with open(path, "r+b") as book:
        book.write(lines[4] + lines[5] + lines[2] + lines[3])
    assert list(reader.refresh().starts) == ["t4", "t5", "t2", "t3"]
    assert reader.facts.damaged == 0


def test_room_is_reserved_without_changing_the_size(tmp_path):
    writer = Writer(tmp_path)
    writer.reserve(100)
    writer.flush()
    status = (tmp_path / "book").stat()
    assert status.st_size == writer.size < 4096
    if status.st_blocks * 512 < 100 * 4096:
        pytest.skip("this file system does not reserve")
    writer.close()
