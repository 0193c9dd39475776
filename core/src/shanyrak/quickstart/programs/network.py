"""A network with one hidden layer for the digits: its weights, what it predicts, and its file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs.digits import CLASSES, softmax
from shanyrak.quickstart.programs.files import BadData, write_bytes

Array = NDArray[np.float64]
PIXELS = 64


@dataclass(slots=True)
class Network:
    """`w1` (64, hidden), `b1` (hidden,), `w2` (hidden, 10), `b2` (10,); `speed` is the momentum of each."""

    weights: list[Array]
    speed: list[Array]
    epochs: int
    seed: int

    @classmethod
    def fresh(cls, hidden: int, seed: int) -> Network:
        """Random weights of the size that keeps the signal's variance (He et al., 2015)."""
        draw = np.random.default_rng([seed, 0]).standard_normal
        shapes: list[tuple[int, ...]] = [(PIXELS, hidden), (hidden,), (hidden, CLASSES), (CLASSES,)]
        weights = [draw(s) * np.sqrt(2 / s[0]) if len(s) == 2 else np.zeros(s) for s in shapes]
        return cls(weights, [np.zeros(s) for s in shapes], 0, seed)

    def chances(self, x: Array) -> Array:
        """Probability of each digit: (rows, 10)."""
        w1, b1, w2, b2 = self.weights
        return softmax(np.maximum(x @ w1 + b1, 0) @ w2 + b2)

    def learn(self, x: Array, y: NDArray[np.int64], rate: float, decay: float) -> float:
        """One step of stochastic gradient descent with momentum 0.9; the mean cross-entropy before it."""
        w1, b1, w2, b2 = self.weights
        hidden = np.maximum(x @ w1 + b1, 0)
        error = softmax(hidden @ w2 + b2)
        rows = np.arange(len(y))
        loss = float(-np.log(error[rows, y] + 1e-12).mean())
        error[rows, y] -= 1
        error /= len(y)
        back = (error @ w2.T) * (hidden > 0)
        slopes = [x.T @ back + decay * w1, back.sum(axis=0), hidden.T @ error + decay * w2, error.sum(axis=0)]
        for weight, speed, slope in zip(self.weights, self.speed, slopes, strict=True):
            speed *= 0.9
            speed -= rate * slope
            weight += speed
        return loss

    def save(self, path: Path) -> None:
        """Write everything that training needs to go on from here, whole or not at all."""
        parts = {f"weight{i}": w for i, w in enumerate(self.weights)}
        parts |= {f"speed{i}": s for i, s in enumerate(self.speed)}
        content = io.BytesIO()
        np.savez(content, epochs=np.int64(self.epochs), seed=np.int64(self.seed), **parts)  # type: ignore[arg-type]
        write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> Network:
        """Read what `save` wrote. `BadData` if it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                weights = [file[f"weight{i}"] for i in range(4)]
                speed = [file[f"speed{i}"] for i in range(4)]
                return cls(weights, speed, int(file["epochs"]), int(file["seed"]))
        except FileNotFoundError as error:
            raise BadData(f"{path}: no such checkpoint; run train_digits.py first") from error
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise BadData(f"{path}: not a checkpoint of this network ({error})") from error
