"""Numbers out of text: the same as Python's own, whatever they look like."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak_rehearse.readers.digits import column, split, words

NUMBERS = st.one_of(
    st.integers(-(10**14) + 1, 10**14 - 1).map(str),
    st.floats(-1e9, 1e9).map(lambda number: f"{number:.3f}"),
    st.sampled_from(["-1", "0", "+7", "007", "1e3", "-0"]),
)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20), st.sampled_from(["", "  ", "\t"]))
def test_every_number_is_read_as_python_reads_it(rows, indent):
    text = "".join(f"{indent}{a}  {b}\r\n\n" for a, b in rows)
    lines = split(text.encode())
    there = np.flatnonzero(lines.many)
    assert lines.many[there].tolist() == [2] * len(rows)
    for word in range(2):
        assert column(lines, there, word, 1000).tolist() == [round(Decimal(row[word]) * 1000) for row in rows]


@pytest.mark.parametrize("word", ["abc", "1.2.3", "--5", "-", "12x", "9" * 40, "nan", "inf", "٣"])
def test_what_is_no_number_is_named_by_its_row(word):
    lines = split(f"1\n2\n{word}\n".encode())
    with pytest.raises(ValueError) as error:
        column(lines, np.arange(3), 0, 1)
    assert error.value.args == (2,)


def test_words_of_a_line():
    assert words(split(b"; a  b\nc\n"), 0) == [";", "a", "b"]


def test_nothing_at_all():
    lines = split(b"")
    assert column(lines, np.arange(0), 0, 1).tolist() == []
