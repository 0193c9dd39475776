"""Durations and memory: what people write, what is refused, and that rendering reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.quantities import (
    LONGEST_MS,
    parse_duration,
    parse_memory,
    render_duration,
    render_memory,
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 90_000),
        ("10m", 600_000),
        ("10min", 600_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        ("1w", 604_800_000),
        ("1h30m", 5_400_000),
        (" 1h 30m ", 5_400_000),
        ("1.5h", 5_400_000),
        ("250ms", 250),
        ("1:30:00", 5_400_000),
        ("10:00", 600_000),
        ("2-12:00:00", 216_000_000),
        ("100:00:00", 360_000_000),
        ("0s", 0),
    ],
)
def test_durations_as_people_write_them(text, ms):
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "1.5",
        "s",
        "5 parsecs",
        "-5s",
        "5s!",
        "1:99:00",
        "0.1ms",
        "11y",
        "4000d",
        "9" * 30 + "d",
        "1e9s",
        "١s x",
    ],
)
def test_what_is_no_duration_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"duration|millisecond|ten years"):
        parse_duration(text)


def test_a_bare_number_is_asked_for_its_unit():
    with pytest.raises(ValueError, match="of what"):
        parse_duration("90")


@given(st.integers(0, LONGEST_MS))
def test_a_rendered_duration_reads_back(ms):
    assert parse_duration(render_duration(ms)) == ms


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4G", 4 * 2**30),
        ("512M", 2**29),
        ("1.5T", 3 * 2**39),
        ("64GiB", 2**36),
        ("64 gb", 2**36),
        ("1000", 1000),
        ("8k", 8192),
    ],
)
def test_memory_as_people_write_it(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "G", "-4G", "4X", "0.3", "4GG", "9999999P", "1e9", "four"])
def test_what_is_no_memory_is_refused_in_words(text):
    with pytest.raises(ValueError, match="memory|bytes"):
        parse_memory(text)


@given(st.integers(0, 2**60))
def test_rendered_memory_reads_back(size):
    assert parse_memory(render_memory(size)) == size


@given(st.text(max_size=60))
def test_any_text_is_a_whole_number_or_a_value_error(text):
    for parse in (parse_duration, parse_memory):
        try:
            assert parse(text) >= 0
        except ValueError as error:
            assert str(error)
