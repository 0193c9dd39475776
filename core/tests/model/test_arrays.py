"""Arrays: `0-99%8`, `1,5,10-20`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.arrays import MOST_TASKS, SINGLE, Array, parse_array


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """Ranges that do not meet, in any order."""
    edges = sorted(draw(st.lists(st.integers(0, 5000), min_size=2, max_size=12, unique=True)))
    pairs = [(edges[i], edges[i + 1]) for i in range(0, len(edges) - 1, 2)]
    return Array(tuple(draw(st.permutations(pairs))), draw(st.integers(0, 50)))


def written(array: Array) -> str:
    return ",".join(f"{a}-{b}" for a, b in array.ranges) + (f"%{array.at_once}" if array.at_once else "")


@given(arrays())
def test_what_is_written_is_read(array: Array) -> None:
    assert parse_array(written(array)) == array


@given(arrays())
def test_each_place_has_its_index(array: Array) -> None:
    expected = [index for first, last in array.ranges for index in range(first, last + 1)]
    assert [array.index(place) for place in range(len(array))] == expected
    with pytest.raises(IndexError):
        array.index(len(array))


def test_spellings() -> None:
    assert parse_array("0-99%8") == Array(((0, 99),), 8)
    assert parse_array("1, 5, 10-20") == Array(((1, 1), (5, 5), (10, 20)))
    assert len(SINGLE) == 1 and SINGLE.index(0) == 0
    assert len(parse_array(f"0-{MOST_TASKS - 1}")) == MOST_TASKS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "written like"),
        ("a", "written like"),
        ("1-", "written like"),
        ("-1", "written like"),
        ("1,,2", "written like"),
        ("1-2-3", "written like"),
        ("0-9%", "after %"),
        ("0-9%0", "after %"),
        ("0-9%-1", "after %"),
        ("0-9%x", "after %"),
        ("9-0", "9-0 runs backwards"),
        ("1-5,5", "5 names a task twice"),
        ("3,1-5", "1-5 names a task twice"),
        (f"0-{MOST_TASKS}", "1,000,001 tasks are more than 1,000,000"),
        ("1," * 6000, "too long"),
        ("9999999999", "written like"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_array(text)
