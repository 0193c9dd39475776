"""What Slurm is to hold, or holds, as far as it is this site's: accounts with their users, QOS, reservations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = "shanyrak"
"""Organization of the accounts, first word of the descriptions of the QOS, and of the names of the reservations, that are ours.

What has no such mark was made by somebody else and is never changed.
"""
SOON_MS = 30 * 86_400_000
"""A reservation without end ends in Slurm after a year: it is made longer when so little is left of it."""

Limits = Mapping[str, int]
"""By TRES, such as `gres/gpu`."""


@dataclass(frozen=True, slots=True)
class Account:
    """A sector's or a project's. `caps` hold for all of its work together; a paused one starts none. `qos`: empty is inherited."""

    name: str
    parent: str
    share: int
    caps: Limits
    paused: bool
    qos: str


@dataclass(frozen=True, slots=True)
class Qos:
    """What a project may use in all, in minutes by TRES. `before`: seconds by unit that its grants had paid when it was made."""

    name: str
    minutes: Limits
    before: Limits


@dataclass(frozen=True, slots=True)
class Reservation:
    """Nodes by name, or so many of them, for accounts or for nobody. `until_ms` 0: without end."""

    name: str
    nodes: frozenset[str]
    count: int
    accounts: frozenset[str]
    start_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a program of Slurm. Made again it changes nothing more."""

    program: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs from what the site's rules say, and who must change it."""

    what: str
    words: str
    who: str


@dataclass(slots=True)
class State:
    """All of it. In what is wanted `drift` says what cannot be said in Slurm's terms."""

    accounts: dict[str, Account] = field(default_factory=dict)
    qos: dict[str, Qos] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    """Names of accounts and QOS that are not ours, as `account NAME` and `qos NAME`."""
    users: dict[str, set[str]] = field(default_factory=dict)
    """By account; of what is wanted, only the members of projects."""
    left: dict[str, set[str]] = field(default_factory=dict)
    """By account those who were members. Only of what is wanted."""
    unknown: set[str] = field(default_factory=set)
    """Members whom the system does not know. Only of what is wanted."""
    barred: set[tuple[str, str]] = field(default_factory=set)
    """(account, user) of those who may submit nothing there. Only of what is there."""
    defaults: dict[str, str] = field(default_factory=dict)
    """Each user's default account. Only of what is there."""
    drift: list[Drift] = field(default_factory=list)


def limits(text: str) -> dict[str, int]:
    """`cpu=4,gres/gpu=8` as a table."""
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


def as_text(those: Limits) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(those.items()))
