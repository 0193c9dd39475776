"""How fast does carbon dioxide in the air rise, does the rise grow, and when does it pass a threshold.

Least squares on a cubic in time and four seasonal harmonics; intervals from a moving-block bootstrap of the
residuals, since those of neighbouring months are alike.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from shanyrak.quickstart.programs import chart, files
from shanyrak.quickstart.programs.series import Array, block_resample, numbers, years

MIDDLE = 1990.0
TREND = 4


def terms(when: Array) -> Array:
    """Columns of the model: powers 0 to 3 of the decades since 1990, then four harmonics of the year."""
    t = (when - MIDDLE) / 10
    waves = [wave(2 * np.pi * k * when) for k in range(1, 5) for wave in (np.sin, np.cos)]
    return np.column_stack([t**power for power in range(TREND)] + waves)


def growth(weights: Array, year: float) -> Array:
    """Slope of the trend, ppm a year, for each row of weights."""
    t = (year - MIDDLE) / 10
    slopes: Array = weights[:, :TREND] @ np.array([0, 1, 2 * t, 3 * t * t]) / 10
    return slopes


def passes(weights: Array, level: float, after: float) -> Array:
    """When the trend reaches `level` after `after`, to a month; nan if not within a century."""
    when = after + np.arange(1200) / 12
    t = (when - MIDDLE) / 10
    over = weights[:, :TREND] @ np.vstack([t**power for power in range(TREND)]) >= level
    return np.where(over.any(axis=1), when[over.argmax(axis=1)], np.nan)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=files.DATA / "co2-mauna-loa.csv")
    ask.add_argument("--level", type=float, default=450.0, help="threshold in ppm")
    ask.add_argument("--draws", type=int, default=4000)
    ask.add_argument("--block", type=int, default=36, help="months in a block of the bootstrap")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--out", type=Path, default=Path("co2-trend.json"))
    ask.add_argument("--chart", type=Path, default=Path("co2-trend.svg"))
    args = ask.parse_args()

    table = files.columns(args.data)
    if missing := {"Date", "CO2"} - table.keys():
        raise files.BadData(f"{args.data.name}: no column {', '.join(sorted(missing))}")
    when, ppm = years(args.data, table["Date"]), numbers(args.data, "CO2", table["CO2"])
    model = terms(when)
    solve = np.linalg.pinv(model)
    best = solve @ ppm
    rest = ppm - model @ best
    rng = np.random.default_rng(args.seed)
    drawn = best + block_resample(rest, args.draws, args.block, rng) @ solve.T

    def tell(values: Array, estimate: float) -> dict[str, Any]:
        low, high = np.quantile(values, [0.025, 0.975])
        return {
            "estimate": round(float(estimate), 3),
            "interval": [round(float(low), 3), round(float(high), 3)],
        }

    start, end = float(np.ceil(when[0])), float(np.floor(when[-1]))
    rates = {f"{y:.0f}": tell(growth(drawn, y), growth(best[None], y)[0]) for y in (start, MIDDLE, end)}
    faster = tell(growth(drawn, end) - growth(drawn, start), (growth(best[None], end) - growth(best[None], start))[0])
    reached, reached_drawn = passes(best[None], args.level, when[-1])[0], passes(drawn, args.level, when[-1])
    if np.isnan(reached) or np.isnan(reached_drawn).any():
        ask.error(f"--level {args.level:g}: the trend does not surely reach it within a century")
    crossing = tell(reached_drawn, reached)
    swing = float(np.ptp(terms(2000 + np.arange(365) / 365)[:, TREND:] @ best[TREND:]))
    files.write_json(
        args.out,
        {
            "months": len(when),
            "from": table["Date"][0],
            "to": table["Date"][-1],
            "growth_ppm_a_year": rates,
            "growth_rise": faster,
            "level_ppm": args.level,
            "level_passed": crossing,
            "seasonal_swing_ppm": round(swing, 2),
            "residual_ppm": round(float(rest.std()), 3),
            "draws": args.draws,
        },
    )
    trend = model[:, :TREND] @ best[:TREND]
    lines = [
        chart.Line("monthly, ppm", when.tolist(), ppm.tolist()),
        chart.Line("trend", when.tolist(), trend.tolist(), dashed=True),
    ]
    files.write_text(args.chart, chart.svg("Carbon dioxide at Mauna Loa", "year", "ppm", lines))
    for year, rate in rates.items():
        low, high = rate["interval"]
        print(f"{year}: rising {rate['estimate']:.2f} ppm a year (95 % interval {low:.2f} to {high:.2f})")
    print(f"the seasons swing by {swing:.1f} ppm")
    low, high = crossing["interval"]
    print(f"{args.level:g} ppm in {crossing['estimate']:.1f} if the trend goes on ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    files.run(main)
