"""What a meter is held to: no amount without its label, the same answer twice, nothing made up."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from shanyrak.control import answers
from shanyrak.exchange import Sample, Stretch
from shanyrak.records import Meter
from shanyrak.testing.fakes import Bench, installed, settle
from shanyrak.testing.harness import MeterHarness
from shanyrak.testing.trial import Trial

HOOK = "shanyrak_meters"
HARNESS = MeterHarness
CAPABILITIES = {
    "counter": "reads a counter that only grows; the harness feeds it readings",
    "every": "says something of every stretch, with no instrument at hand",
}

START, SECOND = 1_700_000_000_000, 1_000


def steady(upto: int, step: int = SECOND, rate: int = 100, base: int = 5_000) -> list[tuple[int, int]]:
    """A counter that gains `rate` a second, read each `step` ms for `upto` ms."""
    return [(START + ms, base + rate * ms // SECOND) for ms in range(0, upto + 1, step)]


def test_its_answers_are_sound(harness: MeterHarness) -> None:
    """Whole amounts from zero, a method, no more covered than ran, one sample a token, and of no other tokens."""
    asked = [
        harness.stretch("s1.1.0.1"),
        harness.stretch("s1.2.0.1", units=1, unit="cpu", nodes=("cpu-0",), pool="cpu"),
    ]
    meter = harness.make()
    known, wrong = answers.samples(asked, meter.read(asked))
    meter.close()
    assert wrong == ""
    assert list(meter.read([])) == []
    assert all(sample.words for sample in known.values()), "each sample says what was read, or by which model"
    json.dumps([asdict(sample) for sample in known.values()])


def test_asked_again_it_says_the_same(harness: MeterHarness) -> None:
    """By the same object and by a new one; together, one by one, and in another order."""
    asked = [harness.stretch(f"s1.{number}.0.1", ran_ms=2_000 * number) for number in (1, 2, 3)]
    meter = harness.make()
    first = {sample.token: sample for sample in meter.read(asked)}
    again = {sample.token: sample for sample in meter.read(asked[::-1])}
    meter.close()
    single: dict[str, Sample] = {}
    for one in asked:
        single.update(harness.read(one))
    assert first == again == single


def test_a_token_does_not_matter(harness: MeterHarness) -> None:
    """Two attempts that were alike on the same node at the same time used as much."""
    found = harness.read(harness.stretch("s1.1.0.1"), harness.stretch("s1.2.0.1"))
    assert len({(one.amount, one.method, one.covered_ms) for one in found.values()}) <= 1


def test_an_unknown_node_is_no_error(harness: MeterHarness) -> None:
    """What it knows nothing of it leaves out, or covers with nothing; it does not raise."""
    stretch = harness.stretch("s1.1.0.1", nodes=("never-heard-of-0",), pool="never-heard-of")
    assert answers.samples([stretch], list(harness.read(stretch).values()))[1] == ""


def test_the_shortest_stretch_is_no_error(harness: MeterHarness) -> None:
    stretch = harness.stretch("s1.1.0.1", ran_ms=1, ended_ms=START + 1)
    assert answers.samples([stretch], list(harness.read(stretch).values()))[1] == ""


def test_in_a_site_its_readings_are_kept_beside_the_account(
    harness: MeterHarness, record: Meter, trial: Trial, tmp_path: Path
) -> None:
    """Once for each attempt, labelled, with the journal sound and the account as it is without a meter."""
    bench = Bench(tmp_path / "site", finders=[installed(trial.name)])
    bench.fund()
    with bench.controller() as controller:
        bench.run(cpus=2)
        settle(controller)
        bench.clock.advance(10 * SECOND)
        bench.engine().finish(bench.engine().live()[0])
        settle(controller)
    rows = [row for row in bench.site.usage() if row["meter"] == record.name]
    assert [row["unit"] for row in rows] == [record.unit]
    assert rows[0]["method"] in (*answers.METHODS, "unknown")
    assert bench.site.account()["units"]["cpu-second"]["used"] == 20
    assert bench.faults() == []
    bench.site.close()


@pytest.mark.claim("every")
def test_it_says_something_of_every_stretch(harness: MeterHarness) -> None:
    asked = [
        harness.stretch("s1.1.0.1"),
        harness.stretch("s1.2.0.1", unit="cpu", units=1, pool="cpu", nodes=("cpu-7",)),
    ]
    assert set(harness.read(*asked)) == {stretch.token for stretch in asked}


@pytest.mark.claim("counter")
def test_a_steady_counter_is_read_in_full(harness: MeterHarness) -> None:
    harness.feed(steady(10 * SECOND))
    sample = only(harness, ten_seconds(harness))
    assert (sample.amount, sample.covered_ms, sample.method) == (1_000, 10 * SECOND, "measured")


@pytest.mark.claim("counter")
def test_repeated_readings_count_once(harness: MeterHarness) -> None:
    """Also when they come out of order."""
    points = steady(10 * SECOND)
    harness.feed(points + points[::-1] + points[3:6])
    assert only(harness, ten_seconds(harness)).amount == 1_000


@pytest.mark.claim("counter")
def test_a_gap_is_not_covered_and_not_made_up(harness: MeterHarness) -> None:
    """Without readings in the middle the amount is known for the rest alone."""
    points = steady(3_600 * SECOND)
    harness.feed(points[:600] + points[3_000:])
    sample = only(harness, harness.stretch("s1.1.0.1", ran_ms=3_600 * SECOND, ended_ms=START + 3_600 * SECOND))
    assert sample.covered_ms < 3_600 * SECOND
    assert sample.amount <= 100 * sample.covered_ms // SECOND + 100


@pytest.mark.claim("counter")
def test_a_counter_that_goes_back_began_anew(harness: MeterHarness) -> None:
    """After a reboot: never below zero, never as much as the old value again."""
    points = steady(5 * SECOND) + [(at + 6 * SECOND, value - 5_000) for at, value in steady(4 * SECOND)]
    harness.feed(points)
    sample = only(harness, ten_seconds(harness))
    assert 0 <= sample.amount <= 1_000


@pytest.mark.claim("counter")
def test_without_readings_nothing_is_covered(harness: MeterHarness) -> None:
    harness.feed([])
    found = harness.read(ten_seconds(harness))
    assert all((sample.amount, sample.covered_ms) == (0, 0) for sample in found.values())


def ten_seconds(harness: MeterHarness) -> Stretch:
    """All of node `gpu-0` for ten seconds from START."""
    return harness.stretch("s1.1.0.1", started_ms=START, ended_ms=START + 10 * SECOND, ran_ms=10 * SECOND)


def only(harness: MeterHarness, stretch: Stretch) -> Sample:
    """What it says of one stretch that it must know."""
    found = harness.read(stretch)
    assert set(found) == {stretch.token}
    return found[stretch.token]
