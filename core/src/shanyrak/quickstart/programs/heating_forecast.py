"""How much heat the next days will need: heating degree days from the year's round and the last days.

The forecast is made as it would have been made: each day of the last year, from what was known before it.
It is judged beside two plain rules, "as today" and "as usual for the date".
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from shanyrak.quickstart.programs import files
from shanyrak.quickstart.programs.series import Array, numbers, years

HORIZON = 7
BASE = 18.0
"""Degrees Celsius of the day's mean below which buildings are heated."""


def season(when: Array) -> Array:
    """Constant and three harmonics of the year: (days, 7)."""
    waves = [wave(2 * np.pi * k * when) for k in (1, 2, 3) for wave in (np.sin, np.cos)]
    return np.column_stack([np.ones_like(when), *waves])


def ridge(x: Array, y: Array, penalty: float) -> Array:
    """Weights of a linear regression with an L2 penalty on all of them."""
    return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y), dtype=np.float64)


def ahead(when: Array, need: Array, wind: Array, today: int, lags: int) -> tuple[Array, Array]:
    """What to expect on each of the `HORIZON` days after `today`, by the model and by the season alone."""
    known = slice(0, today + 1)
    usual = season(when) @ ridge(season(when[known]), need[known], 1e-6)
    apart, blow = need - usual, wind - wind[known].mean()
    rows = np.arange(lags - 1, today + 1)
    past = np.column_stack([apart[rows - k] for k in range(lags)] + [blow[rows]])
    found: Array = np.empty(HORIZON)
    for step in range(1, HORIZON + 1):
        taught = rows[rows + step <= today]
        weights = ridge(past[: len(taught)], apart[taught + step], 1.0)
        found[step - 1] = usual[today + step] + past[-1] @ weights
    return np.maximum(found, 0), np.maximum(usual[today + 1 : today + 1 + HORIZON], 0)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=files.DATA / "seattle-weather.csv")
    ask.add_argument("--lags", type=int, default=10, help="how many of the last days the model looks at")
    ask.add_argument("--test", type=int, default=365, help="days at the end to judge on")
    ask.add_argument("--out", type=Path, default=Path("heating-forecast.json"))
    args = ask.parse_args()

    table = files.columns(args.data)
    try:
        high, low, wind = (numbers(args.data, name, table[name]) for name in ("temp_max", "temp_min", "wind"))
        when = years(args.data, table["date"])
    except KeyError as error:
        raise files.BadData(f"{args.data.name}: no column {error.args[0]}") from error
    need = np.maximum(BASE - (high + low) / 2, 0)
    if args.lags < 1 or len(need) < args.test + 400:
        ask.error(f"{len(need)} days are too few to learn a year's round and judge on {args.test}")

    origins = range(len(need) - args.test, len(need) - HORIZON)
    misses = np.zeros((3, len(origins), HORIZON))
    for row, today in enumerate(origins):
        model, usual = ahead(when, need, wind, today, args.lags)
        truth = need[today + 1 : today + 1 + HORIZON]
        for rule, guess in enumerate((model, np.full(HORIZON, need[today]), usual)):
            misses[rule, row] = np.abs(guess - truth)
    mean = misses.mean(axis=1)
    rows = [
        {
            "days_ahead": d + 1,
            "model": round(float(mean[0, d]), 3),
            "as_today": round(float(mean[1, d]), 3),
            "as_usual": round(float(mean[2, d]), 3),
        }
        for d in range(HORIZON)
    ]
    files.write_json(
        args.out,
        {
            "forecasts": len(origins),
            "base_celsius": BASE,
            "mean_absolute_error": rows,
            "mean_need": round(float(need[-args.test :].mean()), 3),
        },
    )
    print("mean error in degree days:  model   as today   as usual")
    for line in rows:
        print("  {days_ahead} days ahead {model:17.2f} {as_today:9.2f} {as_usual:10.2f}".format(**line))
    gain = 1 - mean[0, 0] / mean[1:, 0].min()
    print(f"tomorrow's need is {gain:.0%} nearer than the better plain rule, over {len(origins)} forecasts")


if __name__ == "__main__":
    files.run(main)
