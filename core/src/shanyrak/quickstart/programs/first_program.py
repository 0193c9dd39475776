"""A learner's first program: multiply matrices, check the product, and see how fast this computer is."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs import files

Matrix = NDArray[np.floating[Any]]


def right(a: Matrix, b: Matrix, product: Matrix, rng: np.random.Generator) -> bool:
    """Freivalds' check (1977): a (b v) equals (a b) v for a random v; far cheaper than multiplying again."""
    v = rng.standard_normal(b.shape[1])
    error = np.abs(a.astype(np.float64) @ (b.astype(np.float64) @ v) - product.astype(np.float64) @ v).max()
    return bool(error < 30 * len(a) * float(np.finfo(product.dtype).eps))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--sizes", type=int, nargs="+", default=[64, 256, 1024])
    ask.add_argument("--seconds", type=float, default=0.2, help="how long to measure each size and precision")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--out", type=Path, default=Path("first-program.json"))
    args = ask.parse_args()
    if min(args.sizes) < 1 or not 0 < args.seconds <= 86_400:
        ask.error("sizes are at least 1, seconds more than 0 and at most a day")

    rng = np.random.default_rng(args.seed)
    cpus = len(os.sched_getaffinity(0))
    rows = []
    for size in args.sizes:
        for kind in (np.float32, np.float64):
            a: Matrix = rng.standard_normal((size, size)).astype(kind)
            b: Matrix = rng.standard_normal((size, size)).astype(kind)
            product, times, began = np.empty_like(a), 0, time.perf_counter()
            while (spent := time.perf_counter() - began) < args.seconds or not times:
                np.matmul(a, b, out=product)
                times += 1
            speed = 2 * size**3 * times / spent / 1e9
            if not right(a, b, product, rng):
                raise SystemExit(f"wrong product: {size} x {size} in {kind.__name__}; this computer cannot be trusted")
            rows.append({"size": size, "kind": kind.__name__, "gflop_a_second": round(speed, 3), "times": times})
            print(f"{size:5d} x {size:<5d} {kind.__name__}: {speed:8.1f} GFLOP/s, checked", flush=True)
    best = max(rows, key=lambda row: float(row["gflop_a_second"]))
    files.write_json(args.out, {"cpus": cpus, "rows": rows, "best": best})
    print(f"best: {best['gflop_a_second']:.1f} billion operations a second on {cpus} processors")


if __name__ == "__main__":
    files.run(main)
