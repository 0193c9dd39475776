"""Tables, JSON and numbers for people."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.cli import output


def test_a_plain_table_has_one_line_a_row(capsys):
    rows = [{"id": 1, "words": "a\nb\x1b[31m"}, {"id": 22, "words": None}, {"id": 3, "words": ["x", "y"]}]
    output.table(rows, {"id": "ID", "words": "WORDS"})
    assert capsys.readouterr().out == "ID  WORDS\n1   a b [31m\n22  -\n3   x, y\n"


def test_an_empty_table_says_so(capsys):
    output.table([], ["id"], empty="Nothing waits.")
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_a_table_on_a_terminal_shows_the_same_cells(capsys, monkeypatch):
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)
    output.table([{"id": 1, "words": "[red]not markup[/red]"}], ["id", "words"])
    assert "[red]not markup[/red]" in capsys.readouterr().out


def test_json_is_one_document(capsys):
    output.emit_json({"a": ["қ", 1]})
    assert json.loads(capsys.readouterr().out) == {"a": ["қ", 1]}


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "-"),
        (0, "0ms"),
        (850, "850ms"),
        (12_340, "12.3s"),
        (59_999, "59.9s"),
        (60_000, "1m 00s"),
        (245_000, "4m 05s"),
        (7_800_000, "2h 10m"),
        (273_600_000, "3d 04h"),
        (-90_000, "-1m 30s"),
    ],
)
def test_durations(ms, text):
    assert output.duration(ms) == text


@given(st.integers(-(10**15), 10**15))
def test_any_duration_and_memory_has_words(number):
    assert output.duration(number)
    assert output.memory(abs(number))


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2**30, "1 GiB"), (3 * 2**29, "1.5 GiB"), (2**36, "64 GiB"), (2**41, "2 TiB")],
)
def test_memory(size, text):
    assert output.memory(size) == text


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (90, "cpu-second", "90 cpu-second"),
        (3600, "gpu-second", "1 gpu-hour"),
        (4_444_200, "gpu-second", "1,234.5 gpu-hour"),
        (-7200, "cpu-second", "-2 cpu-hour"),
        (1_000_000, "token", "1,000,000 token"),
    ],
)
def test_amounts(count, unit, text):
    assert output.amount(count, unit) == text


def test_a_moment_says_its_zone(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Almaty")
    time.tzset()
    try:
        assert output.moment(1_750_000_000_000).startswith("2025-06-15 ")
        assert output.moment(1_750_000_000_000).endswith("+0500")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert output.moment(None) == "-"
