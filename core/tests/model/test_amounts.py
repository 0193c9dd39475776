"""Memory and units of account: what people write and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.quantities import LARGEST, UNITS, amount_words, memory_bytes, memory_words


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


def test_amounts_in_words() -> None:
    assert amount_words(59, "cpu-second") == "59 cpu-seconds"
    assert amount_words(7200, "gpu-second") == "2.0 gpu-hours"
    assert amount_words(-7200, "gpu-second") == "-2.0 gpu-hours"
    assert amount_words(5000, "token") == "5,000 tokens"
