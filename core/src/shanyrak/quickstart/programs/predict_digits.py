"""Read digits with a trained network: inference with its throughput, and one line for each image."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from shanyrak.quickstart.programs import digits, files
from shanyrak.quickstart.programs.network import Network


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=digits.PATH)
    ask.add_argument("--checkpoint", type=Path, default=Path("digits-network.npz"))
    ask.add_argument("--batch", type=int, default=1, help="images in a request")
    ask.add_argument("--rounds", type=int, default=100, help="how often to go through all images, for the timing")
    ask.add_argument("--out", type=Path, default=Path("predictions.csv"))
    args = ask.parse_args()

    network = Network.load(args.checkpoint)
    _, unseen = digits.split(digits.load(args.data), network.seed)
    requests = range(0, len(unseen.y), args.batch)
    began = time.perf_counter()
    for _ in range(args.rounds):
        for start in requests:
            network.chances(unseen.x[start : start + args.batch])
    seconds = time.perf_counter() - began

    chances = network.chances(unseen.x)
    guess = chances.argmax(axis=1)
    rows = zip(unseen.row, unseen.y, guess, chances.max(axis=1), strict=True)
    lines = [f"{row},{label},{read},{sure:.6f}" for row, label, read, sure in rows]
    files.write_text(args.out, "\n".join(["row,label,predicted,probability", *lines]) + "\n")
    served = args.rounds * len(unseen.y)
    print(f"{served / seconds:,.0f} images/s in requests of {args.batch}; predictions are in {args.out}")
    print(f"{(guess == unseen.y).sum()} of {len(guess)} read rightly by the network of epoch {network.epochs}")


if __name__ == "__main__":
    files.run(main)
