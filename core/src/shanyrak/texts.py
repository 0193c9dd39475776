"""Text that every journal keeps: Unicode without the zero character and without halves of surrogate pairs.

PostgreSQL's text has no zero, UTF-8 has no half of a pair (which Python makes of bytes that are no UTF-8), and SQLite takes
the first and not the second. So the rule is the core's own, the same for all stores: what a person or a plugin asks for is
refused, words of an engine are made harmless.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from shanyrak.errors import UsageProblem

R = TypeVar("R")

_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def kept(text: str) -> bool:
    """Whether journals keep this text."""
    return _UNKEPT.search(text) is None


def harmless(text: str) -> str:
    """The text with U+FFFD for each character that journals do not keep."""
    return _UNKEPT.sub("\ufffd", text)


def harmless_record(record: R) -> R:
    """A dataclass with its texts and tuples of texts made harmless; the same object when they are."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        if isinstance(value, str):
            clean: Any = harmless(value)
        elif isinstance(value, tuple):
            clean = tuple(harmless(one) if isinstance(one, str) else one for one in value)
        else:
            continue
        if clean != value:
            changed[field.name] = clean
    return dataclasses.replace(record, **changed) if changed else record  # type: ignore[type-var]


def refuse_unkept(value: Any, field: str = "") -> None:
    """Raise UsageProblem for the first text in `value` (texts, lists and mappings of them) that journals do not keep."""
    if isinstance(value, str):
        if not kept(value):
            why = "it has a character that no journal keeps (a zero, or one that is not UTF-8)"
            raise UsageProblem(f"{field}: {value[:60]!r}" if field else repr(value[:60]), why, "leave it out")
    elif isinstance(value, Mapping):
        for name, one in value.items():
            refuse_unkept(name, field)
            refuse_unkept(one, f"{field}.{name}" if field else str(name))
    elif isinstance(value, (list, tuple)):
        for one in value:
            refuse_unkept(one, field)
