"""Memory and units of account: what people write and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.quantities import (
    LARGEST,
    UNITS,
    amount_words,
    duration_words,
    instant_words,
    memory_bytes,
    memory_words,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1, 1),
        (4096, 4096),
        ("4096", 4096),
        ("512M", 512 << 20),
        ("512 MiB", 512 << 20),
        ("512mb", 512 << 20),
        ("4G", 4 << 30),
        ("1.5T", 3 << 39),
        ("2P", 2 << 50),
        (" 1K ", 1024),
    ],
)
def test_read(text: str | int, size: int) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize(
    "wrong",
    ["", "G", "4X", "4GG", "-4G", "4 G B", "1e9", "nan", "0", "0G", "0.1", "9P" * 20, "9999P", True, None, 1.5, 0, -1],
)
def test_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="memory"):
        memory_bytes(wrong)  # type: ignore[arg-type]


@given(st.integers(1, LARGEST))
def test_plain_bytes_are_exact(size: int) -> None:
    assert memory_bytes(size) == memory_bytes(str(size)) == size


@given(st.integers(1, 999), st.sampled_from("KMGT"))
def test_words_read_as_the_same_again(amount: int, suffix: str) -> None:
    size = memory_bytes(f"{amount}{suffix}")
    assert memory_bytes(memory_words(size)) == size


@given(st.text(max_size=50))
def test_any_text_is_an_amount_or_a_clear_error(text: str) -> None:
    try:
        assert 0 < memory_bytes(text) <= LARGEST
    except ValueError as error:
        assert "memory" in str(error)


def test_units_come_down_to_seconds() -> None:
    assert UNITS["gpu-hour"] == ("gpu-second", 3600)
    assert UNITS["cpu-day"] == ("cpu-second", 86400)
    assert all(base.endswith("-second") for base, _ in UNITS.values())


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "-"),
        (0, "0ms"),
        (850, "850ms"),
        (12_340, "12.3s"),
        (59_999, "59.9s"),
        (51_000, "51s"),
        (60_000, "1m"),
        (245_000, "4m 05s"),
        (7_800_000, "2h 10m"),
        (273_600_000, "3d 04h"),
        (-90_000, "-1m 30s"),
    ],
)
def test_durations_in_words(ms, text):
    assert duration_words(ms) == text


@given(st.integers(-(10**15), 10**15))
def test_any_duration_and_memory_has_words(number):
    assert duration_words(number)
    assert memory_words(abs(number))


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2**30, "1 GiB"), (3 * 2**29, "1.5 GiB"), (2**36, "64 GiB"), (2**41, "2 TiB")],
)
def test_memory_in_words(size, text):
    assert memory_words(size) == text


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (90, "cpu-second", "90 cpu-seconds"),
        (3600, "gpu-second", "1 gpu-hour"),
        (4_444_200, "gpu-second", "1,234.5 gpu-hours"),
        (-7200, "cpu-second", "-2 cpu-hours"),
        (1_000_000, "token", "1,000,000 tokens"),
    ],
)
def test_amounts_in_words(count, unit, text):
    assert amount_words(count, unit) == text


def test_a_moment_says_its_zone(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Almaty")
    time.tzset()
    try:
        assert instant_words(1_750_000_000_000).startswith("2025-06-15 ")
        assert instant_words(1_750_000_000_000).endswith("+0500")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert instant_words(None) == "-"
