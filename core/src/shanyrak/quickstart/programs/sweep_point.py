"""One point of a search over learning rate and regularisation; SHANYRAK_TASK says which."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs import digits, files

RATES = (0.02, 0.1, 0.5, 2.0)
DECAYS = (0.0, 1e-3, 1e-2, 1e-1)
POINTS = tuple((rate, decay) for rate in RATES for decay in DECAYS)


def fit(x: NDArray[np.float64], y: NDArray[np.int64], rate: float, decay: float, steps: int) -> NDArray[np.float64]:
    """Weights (65, 10) of a softmax regression after `steps` of full gradient descent with momentum 0.9."""
    x = np.hstack([x, np.ones((len(x), 1))])
    weights = np.zeros((x.shape[1], digits.CLASSES))
    speed, goal = np.zeros_like(weights), np.eye(digits.CLASSES)[y]
    for _ in range(steps):
        slope = x.T @ (digits.softmax(x @ weights) - goal) / len(y) + decay * weights
        speed = 0.9 * speed - rate * slope
        weights += speed
    return weights


def accuracy(weights: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Share of rows whose most likely class is `y`."""
    return float(((x @ weights[:-1] + weights[-1]).argmax(axis=1) == y).mean())


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=digits.PATH)
    ask.add_argument("--task", type=int, default=int(os.environ.get("SHANYRAK_TASK") or 0))
    ask.add_argument("--folds", type=int, default=4)
    ask.add_argument("--steps", type=int, default=80)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--out", type=Path, default=Path("sweep"))
    args = ask.parse_args()
    if not 0 <= args.task < len(POINTS):
        ask.error(f"task {args.task}: there are points 0 to {len(POINTS) - 1}")

    rate, decay = POINTS[args.task]
    learn, _ = digits.split(digits.load(args.data), args.seed)
    parts = np.array_split(np.arange(len(learn.y)), args.folds)
    scores = []
    for fold in parts:
        rest = np.setdiff1d(np.arange(len(learn.y)), fold)
        weights = fit(learn.x[rest], learn.y[rest], rate, decay, args.steps)
        scores.append(accuracy(weights, learn.x[fold], learn.y[fold]))
    mean, spread = float(np.mean(scores)), float(np.std(scores, ddof=1))
    files.write_json(
        args.out / f"point-{args.task:02d}.json",
        {
            "task": args.task,
            "rate": rate,
            "decay": decay,
            "accuracy": mean,
            "spread": spread,
            "steps": args.steps,
        },
    )
    print(f"point {args.task}: rate {rate:g}, decay {decay:g}: {mean:.1%} over {args.folds} folds, spread {spread:.1%}")


if __name__ == "__main__":
    files.run(main)
