"""How people write amounts, and how the house keeps and shows them: ms, bytes, whole units of account."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

LARGEST = 2**53 - 1
"""No amount is larger: what JSON readers elsewhere keep exactly."""

UNITS: dict[str, tuple[str, int]] = {
    f"{base}-{span}": (f"{base}-second", seconds)
    for base in ("gpu", "cpu")
    for span, seconds in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400))
}
"""What a grant may be written in: name -> (base unit, factor). Plugins add to it with `shanyrak_units`."""


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
            raise ValueError(f"`{_short(text)}` is a duration finer than a millisecond")
    if ms > LONGEST_MS:
        raise ValueError(f"`{_short(text)}` is a duration of more than ten years")
    return ms


def _of_clock(days: str | None, first: str, second: str, third: str | None) -> int:
    if third is None and days is None:
        return (int(first) * 60 + int(second)) * SECOND
    hours, minutes, seconds = int(first), int(second), int(third or 0)
    return int(days or 0) * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND


@lru_cache(4096)
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
        raise ValueError(f"`{_short(text)}` is not a whole number of bytes of memory")
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
    """What was written, fit to stand in one line of a message."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def duration_ms(value: str | int | float) -> int:
    """A duration of a request, at least 1 ms: text as `parse_duration` reads it; a bare number is seconds.

    Raises ValueError with what is accepted.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a duration is a number of seconds or text such as 90s, 10m, 1h30m, 7d or 1:30:00")
    if isinstance(value, str):
        ms = _duration_of_text(value)
    else:
        ms = round(value * 1000) if abs(value) <= LONGEST_MS else LONGEST_MS + 1
    if not 0 < ms <= LONGEST_MS:
        raise ValueError("a duration must be above zero and at most ten years")
    return ms


@lru_cache(4096)
def _duration_of_text(text: str) -> int:
    return parse_duration(f"{text.strip()}s" if re.fullmatch(r"\s*\d{1,18}(\.\d{1,3})?\s*", text) else text)


def memory_bytes(value: str | int) -> int:
    """Memory of a request, at least 1 byte: text as `parse_memory` reads it, or bytes. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("memory is a number of bytes or text such as 512M or 4G")
    size = parse_memory(value) if isinstance(value, str) else value
    if not 0 < size <= LARGEST:
        raise ValueError("memory must be above zero and not absurdly large")
    return size


def instant_ms(text: str) -> int:
    """An ISO date or time (UTC unless it says otherwise), or `+2h` from now is the caller's; gives epoch ms."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("a time is written like 2026-12-31 or 2026-12-31T18:00") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def duration_words(ms: int | None) -> str:
    """A length of time in two parts at most: `850ms`, `12.3s`, `51s`, `4m 05s`, `2h`, `3d 04h`; `-` for none."""
    if ms is None:
        return "-"
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    if ms < 1000:
        return f"{sign}{ms}ms"
    if ms < 60_000:
        return f"{sign}{ms // 1000}s" if ms % 1000 == 0 else f"{sign}{ms // 100 / 10:.1f}s"
    seconds = ms // 1000
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{sign}{seconds // size}{unit}" + (f" {rest:02}{small}" if rest else "")
    raise AssertionError("a minute or more")


def instant_words(ms: int | None) -> str:
    """A time in the zone of the reader, to the second; `-` for none."""
    if not ms:
        return "-"
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def memory_words(size: int | None) -> str:
    """Bytes to three digits: `64 GiB`, `1.5 GiB`, `512 MiB`."""
    if size is None:
        return "-"
    value, unit = float(size), "B"
    for bigger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, bigger
    return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"


_PER_HOUR = {"gpu-second": "gpu-hour", "cpu-second": "cpu-hour"}


def amount_words(count: int, unit: str) -> str:
    """An amount of a unit; device seconds as hours from one hour up: `1,234.5 gpu-hours`, `90 cpu-seconds`."""
    if unit in _PER_HOUR and abs(count) >= 3600:
        hours = f"{count / 3600:,.2f}".rstrip("0").rstrip(".")
        return f"{hours} {_PER_HOUR[unit]}" + ("" if hours == "1" else "s")
    return f"{count:,} {unit}" + ("" if count == 1 else "s")
