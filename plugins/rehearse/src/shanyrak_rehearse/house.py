"""What a site says that bears on a rehearsal: the policy it has, settings, service classes, sectors, its journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shanyrak.api import Frame, Live, Params, Ran, Site, opened

from shanyrak_rehearse.tenants import Rule

DAY = 86_400_000

PARAMS: Params = {
    "margin": 0,
    "depth": 1,
    "half_life": 7 * DAY,
    "promise_classes": 0,
    "promise_never": 0,
    "promise_units": 0,
}
"""What policies are told where there is no site: each reservation becomes a promise, past use counts half after a week."""


@dataclass(frozen=True, slots=True)
class House:
    """A site, or the lack of one (no name)."""

    name: str = ""
    policy: str = "easy"
    params: Params = field(default_factory=lambda: PARAMS)
    classes: Sequence[str] = ()
    """The service classes by their number."""
    rules: Callable[[int], Mapping[str, Rule]] = lambda units: {}
    """The rules of its sectors on a machine of so many units."""
    past: Sequence[Ran] = ()
    live: Live | None = None


def house_of(frame: Frame) -> House:
    """The workspace of this call, if it is in one; its journal is not read."""
    if frame.folder is None:
        return House()
    with opened(frame) as site:
        return _house(site, (), None)


def house_with_journal(frame: Frame) -> House:
    """The workspace of this call with all that its journal has to rehearse. Raises UnfitProblem where there is none."""
    with opened(frame) as site:
        return _house(site, site.past(), site.live())


def _house(site: Site, past: Sequence[Ran], live: Live | None) -> House:
    def rules(units: int) -> Mapping[str, Rule]:
        return {name: Rule(*rule) for name, rule in site.sectors(units).items()}

    classes = tuple(site.commons.classes)
    return House(site.commons.site.name, site.active_policy(), site.params(), classes, rules, past, live)
