"""Slurm's times and places, and ours as Slurm takes them."""

from __future__ import annotations

import pytest
from shanyrak_slurm import times

HOUR = 3_600_000


@pytest.mark.parametrize("text", ["N/A", "Unknown", "None", "", "NONE", "Invalid", "2026-13-01T00:00:00"])
def test_no_time_is_zero(text: str) -> None:
    assert times.ms(text) == 0


def test_times_are_utc_also_when_clocks_are_turned_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert times.ms("1970-01-02T00:00:00") == 24 * HOUR
    assert times.ms("2026-10-25T02:30:00") - times.ms("2026-10-25T01:30:00") == HOUR
    assert times.ms("2026-03-29T03:00:00") - times.ms("2026-03-29T01:00:00") == 2 * HOUR


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:00", 0), ("3:04", 184), ("02:03:04", 7384), ("1-02:03:04", 93784), ("365-00:00:00", 31_536_000),
     ("INVALID", 0), ("", 0), ("UNLIMITED", 0), ("1-", 0), ("1:-2", 0)],
)  # fmt: skip
def test_durations(text: str, seconds: int) -> None:
    assert times.duration(text) == seconds * 1000


@pytest.mark.parametrize(("walltime", "minutes"), [(1, 2), (60_000, 2), (60_001, 3), (HOUR, 61)])
def test_slurm_gets_a_minute_more_than_the_walltime(walltime: int, minutes: int) -> None:
    assert times.limit(walltime) == str(minutes)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("5", [5]), ("0-3", [0, 1, 2, 3]), ("[0-3,7,9-11:2%4]", [0, 1, 2, 3, 7, 9, 11]), ("[1,3%1]", [1, 3])],
)
def test_places(text: str, numbers: list[int]) -> None:
    assert times.places(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "1-b", "0x3f", "1,,2"])
def test_what_names_no_places_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        times.places(text)
