"""Numbers out of lines of text, many at a time: array expressions in place of one call a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_MINUS, _SPACE, _NEWLINE = b"- \n"
_LONGEST = 15
"""Digits of the most that are read at once: a thousand times that fits in an int64."""
_MOST = 10**18


class Lines(NamedTuple):
    """The words of some text: those of line i are `first[i]` to `first[i] + many[i]` of `begin` and `end`."""

    text: Bytes
    begin: Ints
    end: Ints
    first: Ints
    many: Ints


def split(text: bytes) -> Lines:
    """Lines into words at spaces and tabs. `text` ends with a newline."""
    data = np.frombuffer(text, np.uint8)
    blank = data <= _SPACE
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    edges += 1
    if len(data) and not blank[0]:
        edges = np.concatenate([[0], edges])
    begin, end = edges[0::2], edges[1::2]
    stops = np.searchsorted(begin, np.flatnonzero(data == _NEWLINE))
    first = np.concatenate([[0], stops[:-1]]) if len(stops) else stops
    return Lines(data, begin, end, first, stops - first)


def column(lines: Lines, rows: Ints, word: int, scale: int) -> Ints:
    """Word number `word` of each of the lines `rows`, times `scale`, as whole numbers; negative ones are -1 x scale or less.

    Raises ValueError(row) for the first that is no number.
    """
    at = lines.first[rows] + word
    begin, last = lines.begin[at], lines.end[at] - 1
    text = lines.text
    negative = text[begin] == _MINUS
    length = last - begin - negative
    value = (text[last] - np.uint8(48)).astype(np.int64)
    good = value <= 9
    power = 1
    for place in range(1, min(int(length.max(initial=0)), _LONGEST - 1) + 1):
        power *= 10
        digit = text[np.maximum(last - place, 0)] - np.uint8(48)
        inside = place <= length
        good &= ~inside | (digit <= 9)
        value += np.where(inside, digit, 0).astype(np.int64) * power
    good &= (length >= 0) & (length < _LONGEST)
    value *= scale
    np.negative(value, out=value, where=negative)
    for row in np.flatnonzero(~good).tolist():
        value[row] = _slow(text[begin[row] : last[row] + 1].tobytes(), scale, row)
    return value


def _slow(word: bytes, scale: int, row: int) -> int:
    """Fractions, exponents, a sign in front: what is rare."""
    try:
        number = round(float(word) * scale)
    except (ValueError, OverflowError):
        raise ValueError(row) from None
    if abs(number) >= _MOST:
        raise ValueError(row)
    return number


def words(lines: Lines, row: int) -> Sequence[str]:
    """The words of one line."""
    start = int(lines.first[row])
    return [
        lines.text[lines.begin[i] : lines.end[i]].tobytes().decode("ascii", "replace")
        for i in range(start, start + int(lines.many[row]))
    ]
