"""How good is the classifier, and how sure are we: intervals of its accuracy, over all and by digit."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs import files
from shanyrak.quickstart.programs.digits import CLASSES


def read(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and predictions; `BadData` if the file is not what `predict_digits.py` writes."""
    table = files.columns(path)
    try:
        label, guess = (np.array(table[name], dtype=np.int64) for name in ("label", "predicted"))
    except (KeyError, ValueError) as error:
        raise files.BadData(f"{path}: {error}") from error
    if min(label.min(), guess.min()) < 0 or max(label.max(), guess.max()) >= CLASSES:
        raise files.BadData(f"{path}: a label or a prediction is not a digit")
    return label, guess


def wilson(right: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (1927); unlike the bootstrap it stays honest when all were right."""
    z, share = 1.96, right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(right: NDArray[np.bool_], draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """The percentile bootstrap's 95 % interval of the mean (Efron and Tibshirani, 1993)."""
    means = [right[rng.integers(len(right), size=(200, len(right)))].mean(axis=1) for _ in range(max(1, draws // 200))]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("predictions", type=Path, nargs="?", default=Path("predictions.csv"))
    ask.add_argument("--draws", type=int, default=40_000)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--out", type=Path, default=Path("assessment.json"))
    args = ask.parse_args()

    label, guess = read(args.predictions)
    rng = np.random.default_rng(args.seed)
    right = label == guess
    low, high = bootstrap(right, args.draws, rng)
    by_digit = {}
    for digit in range(CLASSES):
        mine = right[label == digit]
        if not len(mine):
            continue
        span = wilson(int(mine.sum()), len(mine))
        by_digit[str(digit)] = {"images": len(mine), "accuracy": float(mine.mean()), "interval": span}
        print(f"  {digit}: {mine.mean():6.1%}  ({span[0]:.1%} to {span[1]:.1%})  {len(mine)} images")
    print(f"accuracy {right.mean():.1%} (95 % interval {low:.1%} to {high:.1%}, {len(right)} images)")
    confusion = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(confusion, (label, guess), 1)
    files.write_json(
        args.out,
        {
            "accuracy": float(right.mean()),
            "interval": (low, high),
            "images": len(right),
            "draws": args.draws,
            "by_digit": by_digit,
            "confusion": confusion.tolist(),
        },
    )


if __name__ == "__main__":
    files.run(main)
