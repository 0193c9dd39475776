"""Events: canonical JSON of integers and strings, each hashed with the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from shanyrak.journal.store import Damaged

GENESIS = "0" * 64
"""What the first event is chained to."""

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Event(NamedTuple):
    """One line of the journal. `time` is ledger ms; `payload` is canonical JSON text."""

    seq: int
    time: int
    actor: str
    type: str
    subject: str
    payload: str
    hash: str

    def data(self) -> dict[str, Any]:
        """The payload as Python values."""
        return parsed(self.payload)

    def public(self) -> dict[str, Any]:
        """The event as observers and `shanyrak events --json` see it."""
        return self._asdict() | {"payload": self.data()}


def parsed(payload: str) -> dict[str, Any]:
    """A payload as Python values. Raises Damaged when it is none."""
    try:
        loaded: dict[str, Any] = json.loads(payload)
    except ValueError as error:
        raise Damaged(
            "the journal",
            f"an event in it is torn ({error})",
            "see `shanyrak verify`, and restore a backup with `shanyrak restore`",
        ) from None
    return loaded


def canonical(value: Mapping[str, Any] | list[Any]) -> str:
    """Sorted keys, no blanks, no numbers that JSON lacks."""
    return _encode(value)


def chain(before: str, seq: int, time: int, actor: str, type_: str, subject: str, payload: str) -> str:
    """sha256 over the hash before and the event's fields, as hex. Fields are length-prefixed, so none can leak
    into another."""
    body = f"{before}|{seq}|{time}|{len(actor)}:{actor}|{len(type_)}:{type_}|{len(subject)}:{subject}|{payload}"
    return hashlib.sha256(body.encode()).hexdigest()
