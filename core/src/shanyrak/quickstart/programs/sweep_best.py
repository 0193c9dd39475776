"""Gather the points of the search, choose the best, and judge it once on images that no point has seen."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from shanyrak.quickstart.programs import digits, files
from shanyrak.quickstart.programs.sweep_point import POINTS, accuracy, fit


def read(path: Path) -> dict[str, Any]:
    """The result of one point; `BadData` if that point is missing or is not whole."""
    try:
        point: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {name: point[name] for name in ("task", "rate", "decay", "accuracy", "steps")}
    except FileNotFoundError as error:
        raise files.BadData(f"{path}: this point has no result; run its task again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise files.BadData(f"{path}: not the result of a point ({error!r})") from error


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=digits.PATH)
    ask.add_argument("--sweep", type=Path, default=Path("sweep"))
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--out", type=Path, default=Path("sweep-best.json"))
    args = ask.parse_args()

    points = [read(args.sweep / f"point-{task:02d}.json") for task in range(len(POINTS))]
    points.sort(key=lambda point: (-point["accuracy"], point["task"]))
    for point in points:
        print(f"rate {point['rate']:<5g} decay {point['decay']:<7g} {point['accuracy']:.1%}")
    best = points[0]
    learn, judge = digits.split(digits.load(args.data), args.seed)
    weights = fit(learn.x, learn.y, best["rate"], best["decay"], best["steps"])
    held_out = accuracy(weights, judge.x, judge.y)
    files.write_json(
        args.out, {"best": best, "held_out_accuracy": held_out, "held_out": len(judge.y), "points": points}
    )
    print("best: rate {rate:g}, decay {decay:g}".format(**best))
    print(f"{held_out:.1%} of {len(judge.y)} unseen digits right")


if __name__ == "__main__":
    files.run(main)
