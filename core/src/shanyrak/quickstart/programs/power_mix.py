"""How fast did wind and other renewables take over a power system, and would a planner have seen it coming.

A logistic curve of the renewable share (a straight line of its log odds), fitted to early years only and
judged on the later ones, then fitted to all for the year in which half is renewable.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from shanyrak.quickstart.programs import chart, files
from shanyrak.quickstart.programs.series import Array, block_resample, numbers

RENEWABLE = "Renewables"


def shares(path: Path) -> tuple[Array, Array, Array]:
    """Years, renewable share of net generation (0 to 1), and total generation in GWh."""
    table = files.columns(path)
    try:
        rows = zip(
            table["year"],
            table["source"],
            numbers(path, "net_generation", table["net_generation"]),
            strict=True,
        )
        by_year: dict[int, dict[str, float]] = {}
        for date, source, amount in rows:
            by_year.setdefault(int(date[:4]), {})[source] = amount
    except (KeyError, ValueError) as error:
        raise files.BadData(f"{path.name}: {error}") from error
    if missing := [year for year, sources in by_year.items() if RENEWABLE not in sources]:
        raise files.BadData(f"{path.name}: no {RENEWABLE} for {missing[0]}")
    years = np.array(sorted(by_year), dtype=float)
    total = np.array([sum(by_year[int(y)].values()) for y in years])
    return years, np.array([by_year[int(y)][RENEWABLE] for y in years]) / total, total


def fit(years: Array, share: Array) -> tuple[float, float]:
    """Slope and level of the log odds of the share, by least squares."""
    slope, level = np.polyfit(years - 2000, np.log(share / (1 - share)), 1)
    return float(slope), float(level)


def curve(slope: float, level: float, years: Array) -> Array:
    """The share that the log odds give."""
    return 1 / (1 + np.exp(-(level + slope * (years - 2000))))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, default=files.DATA / "iowa-electricity.csv")
    ask.add_argument("--until", type=int, default=2012, help="last year the planner may see")
    ask.add_argument("--draws", type=int, default=4000)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--out", type=Path, default=Path("power-mix.json"))
    ask.add_argument("--chart", type=Path, default=Path("power-mix.svg"))
    args = ask.parse_args()

    years, share, total = shares(args.data)
    seen = years <= args.until
    if not 3 <= seen.sum() < len(years):
        span = f"{years[0]:.0f}-{years[-1]:.0f}"
        ask.error(f"--until {args.until}: needs three years up to it and one after, in {span}")
    planned = curve(*fit(years[seen], share[seen]), years[~seen])
    miss = float(np.abs(planned - share[~seen]).mean())
    same = float(np.abs(share[seen][-1] - share[~seen]).mean())

    slope, level = fit(years, share)
    rest = np.log(share / (1 - share)) - (level + slope * (years - 2000))
    noise = block_resample(rest, args.draws, 3, np.random.default_rng(args.seed))
    solve = np.linalg.pinv(np.column_stack([years - 2000, np.ones_like(years)]))
    drawn = np.array([slope, level]) + noise @ solve.T
    half = 2000 - drawn[:, 1] / drawn[:, 0]
    low, high = np.quantile(half, [0.025, 0.975])
    files.write_json(
        args.out,
        {
            "years": [int(y) for y in years],
            "share": [round(float(s), 4) for s in share],
            "total_gwh": [int(t) for t in total],
            "planned_until": args.until,
            "plan_error": round(miss, 4),
            "no_change_error": round(same, 4),
            "half_renewable": round(2000 - level / slope, 2),
            "interval": [round(float(low), 2), round(float(high), 2)],
        },
    )
    wide = np.arange(years[0], 2031)
    lines = [
        chart.Line("renewable share, %", years.tolist(), (100 * share).tolist()),
        chart.Line("logistic curve", wide.tolist(), (100 * curve(slope, level, wide)).tolist(), dashed=True),
    ]
    files.write_text(args.chart, chart.svg("Electricity from renewables, Iowa", "year", "%", lines))
    print(
        f"renewables: {share[0]:.1%} of {total[0]:,.0f} GWh in {years[0]:.0f}, "
        f"{share[-1]:.1%} of {total[-1]:,.0f} GWh in {years[-1]:.0f}"
    )
    print(f"a plan made after {args.until} is {100 * miss:.1f} points off, 'no change' {100 * same:.1f} points")
    print(f"half renewable in {2000 - level / slope:.1f} (95 % interval {low:.1f} to {high:.1f})")


if __name__ == "__main__":
    files.run(main)
