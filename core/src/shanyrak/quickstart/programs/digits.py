"""The handwritten digits: 1,797 images of 8 x 8 pixels, some to learn from and some to be judged on."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs.files import DATA, BadData

PATH = DATA / "digits.csv.gz"
CLASSES = 10
HELD_OUT = 500
"""Images that no training may see."""


@dataclass(frozen=True, slots=True)
class Digits:
    """`x`: (rows, 64) intensities from 0 to 1; `y`: (rows,) digits; `row`: their rows in the file."""

    x: NDArray[np.float64]
    y: NDArray[np.int64]
    row: NDArray[np.int64]


def load(path: Path) -> Digits:
    """Every image in the file. `BadData` if it is not a table of 64 pixels from 0 to 16 and a digit."""
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            text = lines.read()
        table = np.loadtxt(text.splitlines() or ["0"], delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise BadData(f"{path}: {error}") from error
    if table.shape[1] != 65 or table.min() < 0 or table[:, :64].max() > 16 or table[:, 64].max() >= CLASSES:
        raise BadData(f"{path}: expected 64 pixels from 0 to 16 and a digit in each row")
    if len(table) < 2 * HELD_OUT:
        raise BadData(f"{path}: {len(table)} images, needs {2 * HELD_OUT} to learn from some and be judged on others")
    return Digits(table[:, :64] / 16.0, table[:, 64], np.arange(len(table)))


def split(digits: Digits, seed: int) -> tuple[Digits, Digits]:
    """A random part to learn from, and `HELD_OUT` images to be judged on; the seed fixes which."""
    order = np.random.default_rng(seed).permutation(len(digits.y))
    return tuple(
        Digits(digits.x[part], digits.y[part], digits.row[part])  # type: ignore[return-value]
        for part in (order[HELD_OUT:], order[:HELD_OUT])
    )


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of each class, rows of `scores` taken alone."""
    power = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: NDArray[np.float64] = power / power.sum(axis=1, keepdims=True)
    return chances
