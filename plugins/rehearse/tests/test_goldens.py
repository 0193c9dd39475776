"""What must come out of real traces: figures that others got too, and the schedules to the byte.

`golden.json` is written anew by `SHANYRAK_GOLDEN=write pytest plugins/rehearse/tests/test_goldens.py -m "slow or not slow"`;
a change of it is a change of what policies decide, and is told of in CHANGELOG.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rehearselab.traces import BLUE, KTH, PHILLY

GOLDEN = Path(__file__).parent / "golden.json"

FIGURES = {
    "KTH fifo": (
        [KTH, "--pool", 100, "--policy", "fifo"],
        27_992,
        {"mean_s": 218_832.06, "max_s": 705_687, "slowdown": 4294.50},
    ),
    "KTH easy": ([KTH, "--pool", 100], 27_992, {"mean_s": 6351.49, "max_s": 248_239, "slowdown": 86.37}),
    "KTH easy single": ([KTH, "--pool", 100, "--events", "single"], 27_992, {"mean_s": 6344.79, "slowdown": 86.26}),
}
SLOW = {
    "BLUE easy": ([BLUE, "--procs-per-unit", 8, "--pool", 144], 232_562, {"mean_s": 7870.29, "slowdown": 37.5}),
    "BLUE easy exact": (
        [BLUE, "--procs-per-unit", 8, "--pool", 144, "--estimates", "exact"], 232_562, {"mean_s": 7335, "slowdown": 30.6},
    ),
    "Philly easy": ([PHILLY, "--pool", 512], 82_247, {"mean_s": 422_828}),
    "Philly easy nodes": ([PHILLY, "--nodes", "64x8"], 82_247, {}),
}  # fmt: skip
"""Command line -> jobs, and figures to the places that are known of them."""


def judged(report: Callable[..., Any], real: Callable[[str], Path], name: str, case: tuple[Any, ...]) -> dict[str, Any]:
    (trace, *args), jobs, wanted = case
    data = report(real(trace), *args)
    one = data["policies"][0]
    assert data["trace"]["jobs"] == one["jobs"] == jobs
    found = {**one["wait"], "slowdown": one["bounded_slowdown"]["mean"]}
    for key, value in wanted.items():
        places = len(f"{value}".partition(".")[2].rstrip("0")) if isinstance(value, float) else 0
        assert abs(found[key] - value) <= 0.51 * 10**-places, (key, found[key])
    pinned(name, {"figures": found, "utilisation": one["utilisation"], "schedule_sha256": one["schedule_sha256"]})
    return found


def pinned(name: str, found: dict[str, Any]) -> None:
    """Equal to the golden file, or written into it."""
    known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("SHANYRAK_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(dict(sorted({**known, name: found}.items())), indent=2) + "\n")
    else:
        assert found == known[name]


@pytest.mark.parametrize("name", FIGURES)
def test_a_small_trace_gives_the_figures_that_are_known(report, real, name):
    judged(report, real, name, FIGURES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BLUE easy", "BLUE easy exact"])
def test_the_benchmark_trace_gives_the_figures_that_are_known(report, real, name):
    judged(report, real, name, SLOW[name])


@pytest.mark.slow
def test_whole_nodes_wait_far_less_than_a_pool_would_have_it(report, real):
    """Where units of a node are taken whole, small work fills what large work leaves: so a pool is no stand-in for nodes.

    The rule: up to 8 units on one node, above that whole nodes; best fit, ties to the lowest id; the reserved nodes are those
    that free first by the limits; later work ends before the reservation or uses only what is left beside it.
    """
    pool = judged(report, real, "Philly easy", SLOW["Philly easy"])
    nodes = judged(report, real, "Philly easy nodes", SLOW["Philly easy nodes"])
    assert nodes["mean_s"] < 0.75 * pool["mean_s"]
    assert 157_000 <= nodes["mean_s"] <= 277_000
