"""What the analyses of time series share: dates as years, numbers from text, a block bootstrap."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs.files import BadData

Array = NDArray[np.float64]


def years(path: Path, dates: Sequence[str]) -> Array:
    """Dates (YYYY-MM-DD) as years with their fraction. `BadData` names the first that is wrong or late."""
    found = []
    for number, text in enumerate(dates, start=2):
        try:
            day = datetime.date.fromisoformat(text)
        except ValueError as error:
            raise BadData(f"{path.name}, line {number}: {text!r} is not a date") from error
        length = datetime.date(day.year + 1, 1, 1) - datetime.date(day.year, 1, 1)
        found.append(day.year + (day - datetime.date(day.year, 1, 1)) / length)
        if len(found) > 1 and found[-1] <= found[-2]:
            raise BadData(f"{path.name}, line {number}: {text} is not after the line before")
    return np.array(found)


def numbers(path: Path, name: str, texts: Sequence[str]) -> Array:
    """A column as finite numbers. `BadData` names the first that is none."""
    found = []
    for number, text in enumerate(texts, start=2):
        try:
            found.append(float(text))
        except ValueError as error:
            raise BadData(f"{path.name}, line {number}: {name} is {text!r}, not a number") from error
        if not np.isfinite(found[-1]):
            raise BadData(f"{path.name}, line {number}: {name} is {text!r}, not a finite number")
    return np.array(found)


def block_resample(rest: Array, draws: int, block: int, rng: np.random.Generator) -> Array:
    """`draws` series (draws, n) of random blocks of `rest` (n,): moving-block bootstrap (Kuensch, 1989)."""
    n = len(rest)
    starts = rng.integers(0, n - block + 1, size=(draws, -(-n // block)))
    places = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :n]
    drawn: Array = rest[places] - rest.mean()
    return drawn
