"""What a site may tell a policy, checked: a wrong value is a ValueError in words."""

from __future__ import annotations

from shanyrak.api import Ints, Params

DAY = 24 * 3_600_000


def number(params: Params, name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return value


def choice(params: Params, name: str, *options: str) -> str:
    """One of the options; the first when it is not set."""
    value = params.get(name, options[0])
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, not {value!r}")
    return str(value)


def depth(params: Params) -> int:
    """How many that wait are reserved a start."""
    return number(params, "depth", 1, 0, 100_000)


def half_life(params: Params) -> int:
    """After this time, in ms, past use counts half."""
    return number(params, "half_life", 7 * DAY, 1, 1 << 50)


def numbers(*values: int) -> Ints:
    """Numbers as an `order` gets them."""
    import numpy as np

    return np.array(values, np.int64)
