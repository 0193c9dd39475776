"""How many numbers does a digit need: principal components, judged by nearest neighbours."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs import chart, digits, files

SIZES = (1, 2, 3, 5, 8, 12, 16, 24, 32, 48, 64)


def vote(
    learn: NDArray[np.float64], label: NDArray[np.int64], judge: NDArray[np.float64], neighbours: int
) -> NDArray[np.int64]:
    """The class most common among the nearest `neighbours` (Euclid); the lower class wins a tie."""
    far = (judge**2).sum(axis=1)[:, None] - 2 * judge @ learn.T + (learn**2).sum(axis=1)
    near = label[np.argpartition(far, neighbours, axis=1)[:, :neighbours]]
    votes: NDArray[np.int64] = (near[:, :, None] == np.arange(digits.CLASSES)).sum(axis=1)
    return np.asarray(votes.argmax(axis=1), dtype=np.int64)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=digits.PATH)
    ask.add_argument("--neighbours", type=int, default=5)
    ask.add_argument("--splits", type=int, default=5, help="how many random splits to average over")
    ask.add_argument("--out", type=Path, default=Path("components.json"))
    ask.add_argument("--chart", type=Path, default=Path("components.svg"))
    args = ask.parse_args()

    everything = digits.load(args.data)
    _, scale, axes = np.linalg.svd(everything.x - everything.x.mean(axis=0), full_matrices=False)
    explained = np.cumsum(scale**2) / (scale**2).sum()
    scores = np.zeros((args.splits, len(SIZES)))
    for seed in range(args.splits):
        learn, judge = digits.split(everything, seed)
        middle = learn.x.mean(axis=0)
        axes = np.linalg.svd(learn.x - middle, full_matrices=False)[2]
        low, unseen = (learn.x - middle) @ axes.T, (judge.x - middle) @ axes.T
        for column, size in enumerate(SIZES):
            guess = vote(low[:, :size], learn.y, unseen[:, :size], args.neighbours)
            scores[seed, column] = (guess == judge.y).mean()
    mean = scores.mean(axis=0)
    rows = [
        {"components": size, "variance": float(explained[size - 1]), "accuracy": float(score)}
        for size, score in zip(SIZES, mean, strict=True)
    ]
    for row in rows:
        print("{components:2.0f} components: {variance:6.1%} of the variance, {accuracy:6.1%} right".format(**row))
    enough = next(size for size, score in zip(SIZES, mean, strict=True) if score >= mean.max() - 0.01)
    files.write_json(args.out, {"rows": rows, "enough": enough, "neighbours": args.neighbours, "splits": args.splits})
    line = chart.Line("nearest neighbours, % right", list(map(float, SIZES)), [100 * float(s) for s in mean])
    files.write_text(args.chart, chart.svg("Digits: accuracy by number of components", "components", "%", [line]))
    print(f"{enough} of 64 components are within a point of the best")


if __name__ == "__main__":
    files.run(main)
