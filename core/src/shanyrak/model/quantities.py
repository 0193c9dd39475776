"""How people write amounts, and how the house keeps them: ms, bytes, whole units of account."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

LARGEST = 2**53 - 1
"""No amount is larger: what JSON readers elsewhere keep exactly."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,3})?)s)?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?B)?", re.IGNORECASE)
_SUFFIX = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4, "P": 1024**5}

UNITS: dict[str, tuple[str, int]] = {
    f"{base}-{span}": (f"{base}-second", seconds)
    for base in ("gpu", "cpu")
    for span, seconds in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400))
}
"""What a grant may be written in: name -> (base unit, factor). Plugins add to it with `shanyrak_units`."""


def duration_ms(text: str | int | float) -> int:
    """`90`, `"90"` and `"90s"` are seconds; also `10m`, `1h30m`, `7d`, `MM:SS`, `H:MM:SS`, `D-HH:MM:SS`.

    Gives milliseconds, at least 1. Raises ValueError with what is accepted.
    """
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError("a duration is a number of seconds or text such as 90s, 10m, 1h30m, 7d or 1:30:00")
    if isinstance(text, (int, float)):
        ms = round(text * 1000) if abs(text) < LARGEST else LARGEST + 1
    else:
        ms = _parse_duration(text.strip().lower())
    if not 0 < ms <= LARGEST:
        raise ValueError("a duration must be above zero and not absurdly long")
    return ms


@lru_cache(4096)
def _parse_duration(text: str) -> int:
    if len(text) > 40:
        raise ValueError("too long for a duration")
    if re.fullmatch(r"\d+(\.\d{1,3})?", text):
        return _exact_ms(text)
    days, dash, clock = text.rpartition("-")
    if re.fullmatch(r"\d+(:\d{1,2}){1,2}", clock) and re.fullmatch(r"\d+" if dash else "", days):
        seconds = 0
        for part in clock.split(":"):
            seconds = seconds * 60 + int(part)
        return (int(days or 0) * 86400 + seconds) * 1000
    found = _DURATION.fullmatch(text)
    if text and found:
        d, h, m = (int(part or 0) for part in found.groups()[:3])
        return (d * 86400 + h * 3600 + m * 60) * 1000 + _exact_ms(found[4] or "0")
    raise ValueError("a duration is a number of seconds or text such as 90s, 10m, 1h30m, 7d or 1:30:00")


def _exact_ms(seconds: str) -> int:
    whole, _, part = seconds.partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0"))


def duration_text(ms: int) -> str:
    """`ms` as `duration_ms` reads it again: `90s`, `0.250s`."""
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms // 1000}.{ms % 1000:03d}s"


def duration_words(ms: int) -> str:
    """`ms` as a person reads it: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    seconds = ms / 1000
    if seconds < 10 and ms % 1000:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def memory_bytes(text: str | int) -> int:
    """`4G`, `512M`, `1.5T` (powers of 1024) or plain bytes, as bytes. Raises ValueError with what is accepted."""
    if isinstance(text, bool) or not isinstance(text, (int, str)):
        raise ValueError("memory is a number of bytes or text such as 512M or 4G")
    if isinstance(text, int):
        size = text
    else:
        found = _MEMORY.fullmatch(text.strip()) if len(text) <= 40 else None
        if not found:
            raise ValueError("memory is a number of bytes or text such as 512M or 4G")
        size = int(float(found[1]) * _SUFFIX[found[2].upper()])
    if not 0 < size <= LARGEST:
        raise ValueError("memory must be above zero and not absurdly large")
    return size


def memory_words(size: int) -> str:
    """`size` bytes as a person reads them: `512 MiB`, `4 GiB`."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if amount == int(amount) or amount >= 100 else f"{amount:.1f} {unit}"


def amount_words(amount: int, unit: str) -> str:
    """Units of account as a person reads them: seconds below an hour's worth, else hours."""
    base, _, span = unit.partition("-")
    if span == "second" and abs(amount) >= 3600:
        return f"{amount / 3600:,.1f} {base}-hours"
    return f"{amount:,} {unit}s"


def instant_ms(text: str) -> int:
    """An ISO date or time (UTC unless it says otherwise), or `+2h` from now is the caller's; gives epoch ms."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("a time is written like 2026-12-31 or 2026-12-31T18:00") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def instant_words(ms: int) -> str:
    """Epoch ms as `2026-12-31 18:00:05` (UTC)."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).strftime("%Y-%m-%d %H:%M:%S")
