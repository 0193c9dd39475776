"""Types of the fields of commons.toml: people's spelling in the file, whole numbers in the program."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from shanyrak.model.quantities import (
    LARGEST,
    MOST_BYTES,
    parse_duration,
    parse_memory,
    render_duration,
    render_memory,
)
from shanyrak.plugins.names import is_name


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError("write a duration as text, like '90s', '10m', '1:30:00', '2h' or '7d'")


def _memory(value: Any) -> Any:
    if isinstance(value, str):
        return parse_memory(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("write memory as text, like '512M' or '64G', or as a number of bytes")


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError("use lower-case letters, digits and '-', starting with a letter, at most 64")
    return value


def _share(value: Any) -> Any:
    if isinstance(value, str):
        match = re.fullmatch(r"(\d{1,3})\s*%", value.strip())
        if match and int(match[1]) <= 100:
            return f"{int(match[1])}%"
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000_000:
        return value
    raise ValueError("write a number of units, like 64, or a share of all, like '25%'")


def _setting_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", value):
        raise ValueError("name a setting with lower-case letters, digits and '_', starting with a letter, at most 64")
    return value


def _setting(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST
    if whole or (isinstance(value, str) and len(value) <= 1000):
        return value
    raise ValueError("a setting is a whole number or a text")


Duration = Annotated[int, BeforeValidator(_duration), PlainSerializer(render_duration)]
"""Milliseconds; text in the file."""

Memory = Annotated[int, BeforeValidator(_memory), Field(ge=2**20, le=MOST_BYTES), PlainSerializer(render_memory)]
"""Bytes, at least 1M; text or bytes in the file."""

Name = Annotated[str, AfterValidator(_name)]
SettingName = Annotated[str, AfterValidator(_setting_name)]
Setting = Annotated[int | str, PlainValidator(_setting)]
"""What a policy may be told: all that canonical JSON keeps exactly."""

Share = Annotated[int | str, BeforeValidator(_share)]
"""Whole units, or `N%` of all units of a kind; see `units_of`."""


def units_of(share: int | str, total: int) -> int:
    """A share in whole units of `total`, rounded down and never more than `total`."""
    if isinstance(share, int):
        return min(share, total)
    return total * int(share.rstrip("%")) // 100
