"""The account tree of a trace: sectors, and below them whoever worked; the site's rules for sectors it knows by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from shanyrak.api import MANY, Ints, Mirror

from shanyrak_rehearse.past import Past
from shanyrak_rehearse.readers.build import dense


class Rule(NamedTuple):
    """What a site says of a sector: its weight, and in units its floor and cap (-1: none)."""

    weight: int = 1
    floor: int = 0
    cap: int = -1


@dataclass(frozen=True, slots=True)
class Tenants:
    """Accounts by index: sectors first, then who works."""

    parents: Sequence[int]
    rules: Sequence[Rule]
    account: Ints
    """Of each job of the trace."""
    kinds: int = 1
    """Kinds of units."""

    def put(self, mirror: Mirror) -> None:
        """These accounts on `mirror`, each with as much grant as anybody could use."""
        for index, (parent, rule) in enumerate(zip(self.parents, self.rules, strict=True)):
            mirror.account(index, parent, *rule)
            for kind in range(self.kinds):
                mirror.left(index, kind, MANY)


def tenants(past: Past, rules: Mapping[str, Rule]) -> Tenants:
    """One account for each pair of sector and account of the trace; what the trace does not know is one of them too."""
    none = np.full(len(past), -1, np.int64)
    sector, account = past.groups.get("sector", none), past.groups.get("account", none)
    names = past.names["sector"]
    roots, sector = _distinct(sector)
    pairs, index = _distinct(sector * (int(account.max(initial=-1)) + 2) + account + 1)
    parents = (pairs // (int(account.max(initial=-1)) + 2)).tolist()
    known = [rules.get(names[root], Rule()) if root >= 0 else Rule() for root in roots.tolist()]
    return Tenants([-1] * len(known) + parents, known + [Rule()] * len(parents), index + len(known))


def _distinct(values: Ints) -> tuple[Ints, Ints]:
    """(the distinct values ascending, the place of each value among them); -1 counts as a value."""
    place, distinct = dense(values + 1)
    return distinct - 1, place
