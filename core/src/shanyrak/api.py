"""The one import for plugin authors: the hook marker, the records, the protocols and the API version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from shanyrak.errors import (
    EngineProblem,
    PluginProblem,
    Problem,
    RefusedProblem,
    UnfitProblem,
    UsageProblem,
)
from shanyrak.hookspecs import hookimpl, hookspec
from shanyrak.records import API_VERSION, Command, Kind, Meter, Plugin, Policy, Reader, Service, Store, Unit
from shanyrak.records import Engine as EngineRecord

__all__ = [
    "API_VERSION", "COMPILED", "FAR", "MANY", "TOKEN", "Arrivals", "Busy", "Command", "Damaged", "Decide", "Engine",
    "EngineContext", "EngineProblem", "EngineRecord", "Instrument", "Ints", "JournalStore", "Kind", "Launch", "Launched", "Log",
    "Meter", "MeterContext", "Mirror", "Node", "Params", "PastWork", "Plan", "Plugin", "PluginProblem", "Policy", "Problem",
    "Reader", "Refusal", "RefusedProblem", "Request", "Rows", "Sample", "Seen", "Service", "ServiceContext",
    "Stages", "Store", "StoreContext", "Stretch", "Trace", "Trial", "UnfitProblem", "Unit", "UsageProblem", "Value", "View",
    "Why",
    "as_decide", "board", "decay", "desk", "grown", "hookimpl", "hookspec", "jit", "read_slice", "replay", "row_of",
    "share", "sqlite_copy",
    # For the commands of plugins:
    "Frame", "Live", "PluginManager", "Ran", "Site", "did_you_mean", "emit_json", "load", "opened", "pass_frame", "resolve",
    "amount_words", "instant_ms", "instant_words", "parsed", "table", "tell",
]  # fmt: skip


@runtime_checkable
class Engine(Protocol):
    """What the controller asks of an engine. The token is an attempt's only identity.

    An engine never decides what runs; it may raise `EngineProblem` when it cannot be reached, and then nothing
    is concluded about any attempt.
    """

    def nodes(self) -> Sequence[Node]:
        """The nodes this engine has now. The core uses the lesser of this and what is declared."""
        ...

    def launch(self, launches: Sequence[Launch]) -> Sequence[Launched]:
        """Start each attempt, or find it if its token is known: idempotent by token, one answer for each.

        No answer for one of which it cannot tell yet (a call may have been lost on its way): it is asked for again.
        What was started outlives the caller. Returns when each either runs under its token or was refused.
        """
        ...

    def observe(self, tokens: Sequence[str]) -> Sequence[Seen]:
        """What is known of each token, in one bulk call, in the order asked."""
        ...

    def stop(self, tokens: Sequence[str]) -> None:
        """Ask for the end of each attempt with all its processes; `observe` tells when it is done. Idempotent.

        A token that was never launched is fenced: a later `launch` of it is refused.
        """
        ...

    def forget(self, tokens: Sequence[str]) -> None:
        """These results are recorded: what is kept only for `observe` may go. Logs stay."""
        ...

    def logs(self, token: str, stream: str, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of `stdout` or `stderr` from `offset` (negative: from the end); see `read_slice`."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Return after `timeout_s`, or sooner when something may have ended."""
        ...

    def close(self) -> None:
        """Let go of what this process holds. Attempts go on running."""
        ...


@runtime_checkable
class Instrument(Protocol):
    """What the controller asks of a meter, after an attempt has ended and was charged. It changes no decision and no charge.

    Asked again about the same stretch it gives the same answer: a controller that dies in between asks twice, and the
    journal keeps one reading for each meter and token.
    """

    def read(self, stretches: Sequence[Stretch]) -> Sequence[Sample]:
        """One sample for each stretch it knows something of, in any order; none for the others, which is no error.

        What an instrument did not see is not made up: `covered_ms` says for how much of the stretch it speaks. The
        controller waits for the answer, so it comes soon, or it raises and is asked again later.
        """
        ...

    def close(self) -> None:
        """Let go of what this process holds."""
        ...


if TYPE_CHECKING:
    from shanyrak.cli.frame import Frame, pass_frame
    from shanyrak.cli.opened import opened, parsed
    from shanyrak.cli.output import emit_json, table, tell
    from shanyrak.control.decider import resolve
    from shanyrak.control.past import Live, Ran
    from shanyrak.control.site import Site
    from shanyrak.exchange import (
        TOKEN,
        EngineContext,
        Launch,
        Launched,
        MeterContext,
        Node,
        PastWork,
        Refusal,
        Request,
        Sample,
        Seen,
        ServiceContext,
        StoreContext,
        Stretch,
        Trace,
        Trial,
    )
    from shanyrak.journal.copying import sqlite_copy
    from shanyrak.journal.store import Busy, Damaged, Rows, Value
    from shanyrak.journal.store import Store as JournalStore
    from shanyrak.model import decay
    from shanyrak.model.counters import grown
    from shanyrak.model.quantities import amount_words, instant_ms, instant_words
    from shanyrak.model.slices import read_slice
    from shanyrak.plugins.loading import load
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.plugins.names import did_you_mean
    from shanyrak.policy import board, desk
    from shanyrak.policy.arrays import FAR, MANY, Ints
    from shanyrak.policy.compiled import COMPILED, jit, share
    from shanyrak.policy.drive import Log, replay
    from shanyrak.policy.facts import row_of
    from shanyrak.policy.mirror import Mirror
    from shanyrak.policy.plan import Plan
    from shanyrak.policy.reasons import Why
    from shanyrak.policy.stages import Decide, Params, Stages, as_decide
    from shanyrak.policy.view import View
    from shanyrak.policy.works import Arrivals

_LATER = {
    **dict.fromkeys(
        ("EngineContext", "Launch", "Launched", "MeterContext", "Node", "PastWork", "Refusal", "Request", "Sample",
         "Seen", "ServiceContext", "StoreContext", "Stretch", "TOKEN", "Trace", "Trial"),
        "shanyrak.exchange",
    ),
    **dict.fromkeys(("FAR", "MANY", "Ints"), "shanyrak.policy.arrays"),
    **dict.fromkeys(("Decide", "Params", "Stages", "as_decide"), "shanyrak.policy.stages"),
    **dict.fromkeys(("Log", "replay"), "shanyrak.policy.drive"),
    **dict.fromkeys(("Busy", "Damaged", "JournalStore", "Rows", "Value"), "shanyrak.journal.store"),
    **dict.fromkeys(("COMPILED", "jit", "share"), "shanyrak.policy.compiled"),
    "grown": "shanyrak.model.counters", "read_slice": "shanyrak.model.slices", "sqlite_copy": "shanyrak.journal.copying",
    "Mirror": "shanyrak.policy.mirror", "Plan": "shanyrak.policy.plan", "View": "shanyrak.policy.view",
    "Why": "shanyrak.policy.reasons", "row_of": "shanyrak.policy.facts", "Arrivals": "shanyrak.policy.works",
    # For the command of a plugin: its call, the workspace, the other plugins, and how the core prints.
    **dict.fromkeys(("Frame", "pass_frame"), "shanyrak.cli.frame"),
    **dict.fromkeys(("opened", "parsed"), "shanyrak.cli.opened"),
    **dict.fromkeys(("amount_words", "instant_ms", "instant_words"), "shanyrak.model.quantities"),
    **dict.fromkeys(("emit_json", "table", "tell"), "shanyrak.cli.output"),
    **dict.fromkeys(("Live", "Ran"), "shanyrak.control.past"),
    "Site": "shanyrak.control.site", "resolve": "shanyrak.control.decider",
    "PluginManager": "shanyrak.plugins.manager", "did_you_mean": "shanyrak.plugins.names",
    "load": "shanyrak.plugins.loading",
}  # fmt: skip
"""Names that are loaded when one is asked for: an entry point needs none of them, and numpy only a policy."""

_THERE = {"JournalStore": "Store"}
"""What some of them are called where they are."""

_MODULES = {"board": "shanyrak.policy.board", "desk": "shanyrak.policy.desk", "decay": "shanyrak.model.decay"}
"""Modules of the core whose names a policy's loops use."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _LATER:
        return getattr(import_module(_LATER[name]), _THERE.get(name, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
