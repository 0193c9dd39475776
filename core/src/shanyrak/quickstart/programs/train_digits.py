"""Train a small neural network on handwritten digits; saves a checkpoint as it goes, and goes on from it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shanyrak.quickstart.programs import digits, files
from shanyrak.quickstart.programs.network import Array, Network


def shifted(x: Array, down: int, right: int) -> Array:
    """Every image moved by whole pixels, empty where it came from: more examples of the same digits."""
    images = np.zeros((len(x), 10, 10))
    images[:, 1 + down : 9 + down, 1 + right : 9 + right] = x.reshape(-1, 8, 8)
    return images[:, 1:9, 1:9].reshape(-1, 64)


def epoch(network: Network, x: Array, y: NDArray[np.int64], batch: int, rate: float, decay: float) -> float:
    """Go once through all examples, in an order that the seed and the epoch's number fix; the mean loss."""
    order = np.random.default_rng([network.seed, 1 + network.epochs]).permutation(len(y))
    losses = [network.learn(x[rows], y[rows], rate, decay) for rows in np.array_split(order, len(y) // batch)]
    network.epochs += 1
    return float(np.mean(losses))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=digits.PATH)
    ask.add_argument("--epochs", type=int, default=40)
    ask.add_argument("--hidden", type=int, default=192)
    ask.add_argument("--rate", type=float, default=0.05)
    ask.add_argument("--decay", type=float, default=1e-4)
    ask.add_argument("--batch", type=int, default=64)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--checkpoint", type=Path, default=Path("digits-network.npz"))
    ask.add_argument("--report", type=Path, default=Path("training.json"))
    args = ask.parse_args()

    learn, judge = digits.split(digits.load(args.data), args.seed)
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    x, y = np.concatenate([shifted(learn.x, *move) for move in moves]), np.tile(learn.y, len(moves))
    network = Network.load(args.checkpoint) if args.checkpoint.exists() else Network.fresh(args.hidden, args.seed)
    if network.epochs:
        print(f"going on from {args.checkpoint} after epoch {network.epochs}")
    began, history = time.perf_counter(), []
    while network.epochs < args.epochs:
        rate = args.rate * 0.5 * (1 + np.cos(np.pi * network.epochs / args.epochs))
        loss = epoch(network, x, y, args.batch, rate, args.decay)
        accuracy = float((network.chances(judge.x).argmax(axis=1) == judge.y).mean())
        history.append({"epoch": network.epochs, "loss": round(loss, 5), "accuracy": accuracy})
        network.save(args.checkpoint)
        print(f"epoch {network.epochs:3d}  loss {loss:.4f}  held-out accuracy {accuracy:.1%}", flush=True)
    seconds = time.perf_counter() - began
    final = float((network.chances(judge.x).argmax(axis=1) == judge.y).mean())
    files.write_json(
        args.report,
        {
            "accuracy": final,
            "held_out": len(judge.y),
            "learned_from": len(y),
            "epochs": network.epochs,
            "seconds": round(seconds, 3),
            "history": history,
        },
    )
    print(f"{final:.1%} of {len(judge.y)} unseen digits read rightly, after {seconds:.1f} s of training")


if __name__ == "__main__":
    files.run(main)
