"""Durations and instants: what people write, in ms and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.quantities import LARGEST, LONGEST_MS, duration_ms, instant_ms, instant_words, render_duration

milliseconds = st.integers(1, LONGEST_MS)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        (90, 90_000),
        (0.25, 250),
        ("90", 90_000),
        ("90s", 90_000),
        ("1.5s", 1_500),
        ("0.001", 1),
        ("10m", 600_000),
        ("1h30m", 5_400_000),
        ("1d2h3m4.5s", 93_784_500),
        ("7D", 604_800_000),
        (" 2h ", 7_200_000),
        ("1:30", 90_000),
        ("1:30:00", 5_400_000),
        ("2-00:00:01", 172_801_000),
    ],
)
def test_read(text: str | float, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize(
    "wrong",
    ["", "s", "h1", "-5", "-5s", "-1:30", "1-", "1-5", "a-1:30", "1:2:3:4", "1:300", ":30", "1e3",
     "nan", "inf", "0", "0s", "0:00", "٣m5x", "9" * 41, "9" * 30, "9999999999999d"],
)  # fmt: skip
def test_refused_text(wrong: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_ms(wrong)


@pytest.mark.parametrize("wrong", [True, None, [], 0, -1, 0.0001, float("nan"), float("inf"), 10**30, LARGEST])
def test_refused_values(wrong: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_ms(wrong)  # type: ignore[arg-type]


@given(milliseconds)
def test_text_reads_as_the_same_again(ms: int) -> None:
    assert duration_ms(render_duration(ms)) == ms


@given(st.integers(0, 3_000), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_both_spellings_agree(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total:
        clock = f"{days}-{hours}:{minutes:02d}:{seconds:02d}"
        assert duration_ms(clock) == duration_ms(f"{days}d{hours}h{minutes}m{seconds}s") == total * 1000


@given(st.text(max_size=60))
def test_any_text_is_a_duration_or_a_clear_error(text: str) -> None:
    try:
        assert 0 < duration_ms(text) <= LONGEST_MS
    except ValueError as error:
        assert "duration" in str(error)


def test_instants_are_utc_unless_they_say_otherwise() -> None:
    assert instant_ms("1970-01-02") == 86_400_000
    assert instant_ms("1970-01-01T00:00:01") == 1_000
    assert instant_ms("1970-01-01T06:00:00+06:00") == 0
    with pytest.raises(ValueError, match="written like 2026-12-31"):
        instant_ms("tomorrow")


@given(st.integers(1, 4_000_000_000))
def test_instants_read_as_they_are_written(seconds: int) -> None:
    assert instant_ms(instant_words(seconds * 1000)) == seconds * 1000
