"""Durations and amounts of memory as people write them, and back. Milliseconds and bytes, always whole."""

from __future__ import annotations

import re
from decimal import Decimal

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
_DURATIONS = {"ms": 1, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
LONGEST_MS = 3650 * DAY
"""Ten years: beyond it a duration is taken for a mistake."""

_MEMORY = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
MOST_BYTES = 2**60

_PART = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d|w)")
_CLOCK = re.compile(r"(?:(\d{1,6})-)?(\d{1,9}):([0-5]?\d)(?::([0-5]?\d))?")
_SIZE = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)\s*([KMGTP]?)(I?B)?")


def parse_duration(text: str) -> int:
    """Milliseconds of `90s`, `10m`, `1h30m`, `7d`, `1:30:00` (h:mm:ss), `10:00` (mm:ss), `2-12:00:00` (days).

    Raises ValueError in words. A bare number is refused, as it does not say of what.
    """
    written = text.strip().lower()
    clock = _CLOCK.fullmatch(written)
    if clock:
        ms = _of_clock(*clock.groups())
    elif _PART.sub("", written).strip() or not written:
        unit = " (of what? for example `90s`, `10m`, `2h`, `7d`)" if re.fullmatch(r"\d+(\.\d+)?", written) else ""
        hint = unit or "; write it like `90s`, `10m`, `1:30:00`, `2h` or `7d`"
        raise ValueError(f"`{_short(text)}` is not a duration{hint}")
    else:
        parts = _PART.findall(written)
        exact = sum((Decimal(number) * _DURATIONS[unit] for number, unit in parts), Decimal(0))
        ms = int(exact)
        if exact != ms:
            raise ValueError(f"`{_short(text)}` is finer than a millisecond")
    if ms > LONGEST_MS:
        raise ValueError(f"`{_short(text)}` is longer than ten years")
    return ms


def _of_clock(days: str | None, first: str, second: str, third: str | None) -> int:
    if third is None and days is None:
        return (int(first) * 60 + int(second)) * SECOND
    hours, minutes, seconds = int(first), int(second), int(third or 0)
    return int(days or 0) * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND


def render_duration(ms: int) -> str:
    """The shortest exact spelling that `parse_duration` reads back: `7d`, `1h30m`, `250ms`."""
    if ms == 0:
        return "0s"
    rest, text = ms, ""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text


def parse_memory(text: str) -> int:
    """Bytes of `4G`, `512M`, `1.5T`, `64GiB` or a plain number of bytes; K, M, G, T, P are powers of 1024.

    Raises ValueError in words.
    """
    written = text.strip().upper()
    match = _SIZE.fullmatch(written)
    if not match:
        raise ValueError(f"`{_short(text)}` is not an amount of memory; write it like `512M` or `4G`")
    number, unit, _ = match.groups()
    exact = Decimal(number) * _MEMORY[unit]
    if exact != int(exact):
        raise ValueError(f"`{_short(text)}` is not a whole number of bytes")
    if exact > MOST_BYTES:
        raise ValueError(f"`{_short(text)}` is more memory than there is")
    return int(exact)


def render_memory(size: int) -> str:
    """The shortest exact spelling that `parse_memory` reads back: `4G`, `1536M`, `1000`."""
    for unit in ("P", "T", "G", "M", "K"):
        if size and size % _MEMORY[unit] == 0:
            return f"{size // _MEMORY[unit]}{unit}"
    return str(size)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
