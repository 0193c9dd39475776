"""Times and shares as people read them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """`45 s`, `12 min`, `1 h 46 min`, `2 d 20 h`."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    hours = round(seconds / 3600)
    return f"{hours // 24:,} d" + (f" {hours % 24} h" if hours % 24 else "")


def brief(seconds: float) -> str:
    """The same where there is little room: `45s`, `12m`, `1h46m`, `2d20h`."""
    return span(seconds).replace(" min", "m").replace(" ", "")


def many(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def signed(hours: float) -> str:
    """Hours with their sign."""
    return f"{hours:+,.0f} h" if abs(hours) >= 10 else f"{hours:+.1f} h"
