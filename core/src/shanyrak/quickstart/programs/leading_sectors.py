"""Which sectors of the economy announce next month's employment: every small set of signals tried.

A signal is a sector's monthly change, this month or the month before. The exhaustive search takes minutes.
It saves its place and its best finding each second, so that a walltime costs no more than the last second:
start it again in the same folder, and it goes on. The best of so many flatters itself; the last two years,
which the search never sees, say what it is worth.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shanyrak.quickstart.programs import files
from shanyrak.quickstart.programs.series import Array, numbers

TOTALS = {
    "month",
    "nonfarm",
    "nonfarm_change",
    "private",
    "goods_producing",
    "service_providing",
    "private_service_providing",
}
UNSEEN = 24
"""Months at the end that the search does not see."""


def signals(path: Path) -> tuple[list[str], Array, Array]:
    """Names; monthly changes in percent (months, signals); the total's change a month later (months,)."""
    columns = files.columns(path)
    sectors = [name for name in columns if name not in TOTALS]
    if "nonfarm" not in columns or not sectors:
        raise files.BadData(f"{path.name}: expected a column nonfarm and one for each sector")
    jobs = np.column_stack([numbers(path, name, columns[name]) for name in ["nonfarm", *sectors]])
    if len(jobs) < 3 * UNSEEN:
        raise files.BadData(f"{path.name}: {len(jobs)} months are too few, needs {3 * UNSEEN}")
    change = 100 * np.diff(jobs, axis=0) / jobs[:-1]
    names = [*sectors, *(f"{name} a month before" for name in sectors)]
    return names, np.hstack([change[1:-1, 1:], change[:-2, 1:]]), change[2:, 0]


def choices(count: int, most: int) -> Iterator[tuple[int, ...]]:
    """All sets of one to `most` of `count` signals, small ones first."""
    sizes = range(1, most + 1)
    return itertools.chain.from_iterable(itertools.combinations(range(count), size) for size in sizes)


def error(x: Array, y: Array) -> float:
    """Root mean squared error of a regression, each month predicted from all others (PRESS)."""
    q = np.linalg.qr(np.column_stack([np.ones(len(x)), x]))[0]
    rest = y - q @ (q.T @ y)
    return float(np.sqrt(np.mean((rest / (1 - (q**2).sum(axis=1))) ** 2)))


def unseen_error(x: Array, y: Array) -> float:
    """Root mean squared error on the last `UNSEEN` months of a regression on the months before."""
    x = np.column_stack([np.ones(len(x)), x])
    weights = np.linalg.lstsq(x[:-UNSEEN], y[:-UNSEEN], rcond=None)[0]
    return float(np.sqrt(np.mean((y[-UNSEEN:] - x[-UNSEEN:] @ weights) ** 2)))


def resume(path: Path) -> dict[str, Any]:
    """The place of an earlier run, or the start. `BadData` if the file is something else."""
    if not path.exists():
        return {"tried": 0, "error": math.inf, "signals": []}
    try:
        place: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {
            "tried": int(place["tried"]),
            "error": float(place["error"]),
            "signals": list(place["signals"]),
        }
    except (ValueError, KeyError, TypeError) as problem:
        raise files.BadData(f"{path}: not a checkpoint of this search") from problem


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=files.DATA / "us-employment.csv")
    ask.add_argument("--most", type=int, default=6, help="largest set of signals to try")
    ask.add_argument("--checkpoint", type=Path, default=Path("leading-sectors.json"))
    args = ask.parse_args()
    if not 1 <= args.most <= 10:
        ask.error("--most is from 1 to 10")

    names, x, y = signals(args.data)
    place = resume(args.checkpoint)
    seen_x, seen_y = x[:-UNSEEN], y[:-UNSEEN]
    total, plain = (
        sum(math.comb(len(names), size) for size in range(1, args.most + 1)),
        error(seen_x[:, :0], seen_y),
    )
    print(f"{total:,} sets of {len(names)} signals; from number {place['tried']:,}", flush=True)
    saved = time.monotonic()
    for chosen in itertools.islice(choices(len(names), args.most), place["tried"], None):
        miss = error(seen_x[:, chosen], seen_y)
        place["tried"] += 1
        if miss < place["error"]:
            place |= {"error": miss, "signals": [names[i] for i in chosen]}
        if time.monotonic() - saved >= 1:
            saved = time.monotonic()
            files.write_json(args.checkpoint, place)
            gain = 1 - place["error"] / plain
            print(
                f"{place['tried']:,} of {total:,} tried, error {gain:.1%} less with the best",
                flush=True,
            )
    files.write_json(args.checkpoint, place)
    best = [names.index(name) for name in place["signals"]]
    worth = 1 - unseen_error(x[:, best], y) / unseen_error(x[:, :0], y)
    print(f"best of {place['tried']:,}: {'; '.join(place['signals'])}")
    gain = 1 - place["error"] / plain
    print(f"error beside the long-run mean: {gain:.1%} less, and {worth:.1%} less in unseen months")


if __name__ == "__main__":
    files.run(main)
