"""The policies that are to be compared: found by name, resolved as the site's controller resolves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanyrak.api import Decide, Stages, UsageProblem, as_decide, did_you_mean, resolve

if TYPE_CHECKING:
    from shanyrak.api import Params, PluginManager, View

    from shanyrak_rehearse.past import Past

KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A policy: what it is called, where it comes from, what it decides with."""

    name: str
    version: str
    plugin: str
    decide: Decide
    needs: tuple[str, ...] = ()


def choose(manager: PluginManager, names: Sequence[str]) -> list[Chosen]:
    """The policies of these names, each once. Raises UsageProblem for a name that no active plugin offers."""
    offers = manager.policies()
    chosen = []
    for name in dict.fromkeys(names):
        if name == KERNEL:
            chosen.append(Chosen(KERNEL, "1", "", as_decide(_kernel)))
        elif name in offers:
            record, plugin = offers[name].record, offers[name].plugin
            chosen.append(Chosen(name, record.version, plugin, resolve(record, plugin), record.needs))
        else:
            known = [KERNEL, *sorted(offers)]
            raise UsageProblem(
                f"--policy {name}", f"there is no such policy; there are {', '.join(known)}", did_you_mean(name, known)
            )
    return chosen


def refuse_lacking(chosen: Sequence[Chosen], past: Past) -> None:
    """UsageProblem when a policy orders work by something that the trace does not know."""
    for policy in chosen:
        lacks = [name for name in policy.needs if name not in past.groups]
        if lacks:
            raise UsageProblem(
                f"--policy {policy.name}",
                f"it decides by the {' and the '.join(lacks)} of work, and no job of this trace has one",
                "choose another policy, or a trace with that column",
            )


def _kernel(view: View, params: Params) -> Stages:
    return Stages()
