"""Meters: asked once about each attempt that ended, journaled with method and coverage, and never in the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, settle

HOOK = """
@hookimpl
def shanyrak_meters():
    return [Meter("watt", "joule", "Ten joules a second and unit.", "x_watt_meter:make")]
"""
METER = dedent("""
    from shanyrak.api import Sample

    ASKED = []
    HOW = {}

    class Watt:
        def __init__(self, context):
            self.context = context

        def read(self, stretches):
            ASKED.append([one.token for one in stretches])
            if "raise" in HOW:
                raise HOW["raise"]
            if "answer" in HOW:
                return HOW["answer"](stretches)
            return [Sample(s.token, 10 * s.units * s.ran_ms // 1000, "modelled", s.ran_ms, "10 W") for s in stretches]

        def close(self):
            ASKED.append("closed")

    make = Watt
""")

Make = Callable[[], tuple[Bench, ModuleType]]


@pytest.fixture
def metered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bench, Any]]:
    """A bench with the meter `watt`, and the meter's module, which says how it answers and what it was asked."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    write_plugin(folder, "watt", HOOK, record="PLUGIN = Plugin('watt', '2', 'W.')", more={"x_watt_meter": METER})
    monkeypatch.syspath_prepend(str(folder))
    bench = Bench(tmp_path / "site", finders=[lambda: find([str(folder)])])
    bench.fund()
    import x_watt_meter

    yield bench, x_watt_meter
    for name in ("x_watt", "x_watt_meter"):
        sys.modules.pop(name, None)


def ran(bench: Bench, controller: Any, seconds: int = 10) -> None:
    """One piece of work of two slots, run to its end after so many seconds."""
    bench.run(cpus=2)
    settle(controller)
    engine = bench.engine()
    bench.clock.advance(seconds * 1000)
    engine.finish(engine.live()[0])
    settle(controller)


def readings(bench: Bench) -> list[dict[str, Any]]:
    return [row for row in bench.site.usage() if row["meter"] == "watt"]


def test_what_it_says_is_journaled_once_beside_the_charge(metered: tuple[Bench, Any]) -> None:
    bench, meter = metered
    with bench.controller() as controller:
        ran(bench, controller)
        settle(controller)
    with bench.controller() as controller:
        settle(controller)
    asked = [one for one in meter.ASKED if one != "closed"]
    assert len(asked) == 1 and len(asked[0]) == 1
    charged, read = bench.site.usage()
    assert (charged["unit"], charged["amount"], charged["method"]) == ("cpu-second", 20, "measured")
    assert read == {
        "project": "p", "unit": "joule", "amount": 200, "method": "modelled", "meter": "watt", "plugin": "watt",
        "covered_ms": 10_000, "ran_ms": 10_000,
    }  # fmt: skip
    assert bench.types().count("usage.metered") == 1
    assert bench.faults() == []
    assert bench.site.usage("nobody") == []


def test_one_that_raises_is_asked_again_and_loses_nothing(
    metered: tuple[Bench, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, meter = metered
    monkeypatch.setattr("shanyrak.control.meters.TROUBLE_S", (0.0,))
    meter.HOW["raise"] = OSError("the sensor is away")
    with bench.controller() as controller:
        ran(bench, controller)
        assert bench.site.account()["units"]["cpu-second"]["used"] == 20, "the charge does not wait for a meter"
        assert readings(bench) == []
        meter.HOW.clear()
        settle(controller)
        assert [row["amount"] for row in readings(bench)] == [200]


def test_one_that_fails_while_the_controller_ends_is_asked_by_the_next(metered: tuple[Bench, Any]) -> None:
    bench, meter = metered
    meter.HOW["raise"] = SystemExit(3)
    with bench.controller() as controller:
        ran(bench, controller)
    meter.HOW.clear()
    with bench.controller() as controller:
        settle(controller)
    assert [row["amount"] for row in readings(bench)] == [200]
    assert bench.faults() == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda s: [],
        lambda s: ["ten joules"],
        lambda s: [_sample(s[0], amount=-1)],
        lambda s: [_sample(s[0], amount=1.5)],
        lambda s: [_sample(s[0], covered_ms=s[0].ran_ms + 1)],
        lambda s: [_sample(s[0], method="guessed")],
        lambda s: [_sample(s[0], token="another")],
    ],
    ids=["nothing", "no sample", "negative", "no whole number", "more than it ran", "no method", "another's"],
)
def test_what_is_not_sound_is_written_down_as_unknown(metered: tuple[Bench, Any], answer: Any) -> None:
    bench, meter = metered
    meter.HOW["answer"] = answer
    with bench.controller() as controller:
        ran(bench, controller)
    (row,) = readings(bench)
    assert (row["method"], row["amount"], row["covered_ms"], row["ran_ms"]) == ("unknown", 0, 0, 10_000)
    assert bench.faults() == []


def test_coverage_is_of_all_that_it_was_asked_about(metered: tuple[Bench, Any]) -> None:
    bench, meter = metered
    with bench.controller() as controller:
        ran(bench, controller)
        meter.HOW["answer"] = lambda s: []
        ran(bench, controller, seconds=30)
    rows = {row["method"]: row for row in readings(bench)}
    assert (rows["modelled"]["covered_ms"], rows["modelled"]["ran_ms"]) == (10_000, 40_000)
    assert rows["unknown"]["covered_ms"] == 0


def test_a_meter_sees_only_what_ends_after_it_came(tmp_path: Path, metered: tuple[Bench, Any]) -> None:
    bench, meter = metered
    with bench.controller() as controller:
        ran(bench, controller)
    with bench.site.journal.store.write() as rows:
        rows.run("DELETE FROM pulse WHERE name = 'meter:watt'")
    meter.ASKED.clear()
    with bench.controller() as controller:
        settle(controller)
        assert meter.ASKED == []
        ran(bench, controller)
    assert readings(bench)[0]["amount"] == 400


def _sample(stretch: Any, **changed: Any) -> Any:
    from shanyrak.api import Sample

    return Sample(
        **{"token": stretch.token, "amount": 1, "method": "measured", "covered_ms": stretch.ran_ms, **changed}
    )
