"""`verify decisions`: the journal is folded again from its events alone, and every decision that was taken is taken once more.

What a decision rests on is all in the journal: the view is the fold of the events up to `view`, the carry is that of the
decision before (none after another policy was activated), the rest stands in the decision itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.control.decider import KERNEL_VERSION, find_policy, kernel, resolve
from shanyrak.control.feed import Feed
from shanyrak.control.now import patience
from shanyrak.control.workspace import open_store
from shanyrak.errors import Problem
from shanyrak.journal.events import Event
from shanyrak.journal.journal import events
from shanyrak.journal.schema import PART
from shanyrak.journal.store import Rows

if TYPE_CHECKING:
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.policy.plan import Plan
    from shanyrak.policy.stages import Decide
    from shanyrak.policy.view import View

PATIENCE_S = 60.0
"""How long one decision may take here: live it had less."""

Tick = Callable[[int], None]


def verify_decisions(folder: Path, manager: PluginManager, tick: Tick = lambda seq: None) -> dict[str, Any]:
    """`{"holds", "decisions", "same", "differences": [...], "not_rerunnable": [...]}` of a workspace.

    A difference is `{"seq", "view", "policy", "outcome", "words"}`; a policy, or a kernel, whose version is not
    installed is not re-runnable, with `why` and how many `decisions`, and no difference. `tick` is told the seq reached,
    now and then.
    """
    from shanyrak.config.commons import load_commons

    store = open_store(folder, load_commons(folder).accounts.store, manager)
    try:
        with store.read() as rows:
            return Again(rows, manager).run(tick)
    finally:
        store.close()


class Again:
    """One pass over a journal."""

    def __init__(self, rows: Rows, manager: PluginManager) -> None:
        self._rows, self._manager = rows, manager
        self._policies: dict[str, Decide | str] = {}
        self._missing: dict[tuple[str, str], int] = {}
        self._differences: list[dict[str, Any]] = []
        self._feed = Feed()
        self._last: dict[str, Any] = {}
        self._same = self._seen = 0

    def run(self, tick: Tick = lambda seq: None) -> dict[str, Any]:
        """Everything that was found."""
        waiting = self._decisions()
        coming = next(waiting, None)
        for event in _all(self._rows, tick):
            try:
                self._feed.apply(event)
            except Exception as error:  # what is damaged may be anything
                self._differ(event.seq, {}, f"event {event.seq} ({event.type}) does not fit those before it: {error!r}")
                break
            if event.type == "decision.made":
                self._last = event.data()
            elif event.type == "policy.activated":
                self._last = {}
            while coming is not None and coming.data()["view"] <= event.seq:
                self._decide(coming)
                coming = next(waiting, None)
        if coming is not None:
            self._differ(coming.seq, coming.data(), "it names a view that the journal does not reach")
        missing = [
            {"policy": name, "why": why, "decisions": count} for (name, why), count in sorted(self._missing.items())
        ]
        return {
            "holds": not self._differences,
            "decisions": self._seen,
            "same": self._same,
            "differences": self._differences,
            "not_rerunnable": missing,
        }

    def _decisions(self) -> Iterator[Event]:
        after = 0
        while part := self._rows.all(
            "SELECT * FROM event WHERE type = 'decision.made' AND seq > ? ORDER BY seq LIMIT 200", (after,)
        ):
            yield from (Event(*row) for row in part)
            after = part[-1][0]

    def _decide(self, event: Event) -> None:
        from shanyrak.policy.arrays import ints

        self._seen += 1
        made = event.data()
        if made["view"] != self._feed.seq:
            return self._differ(event.seq, made, f"its view {made['view']} is of a time before the decision before it")
        decide = self._policy(made["policy"]) if made["outcome"] == "policy" else _fallback
        if (used := made.get("kernel", "0")) != KERNEL_VERSION:
            decide = f"version {used} of the core's kernel is not installed, {KERNEL_VERSION} is"
        if isinstance(decide, str):
            self._missing[made["policy"], decide] = self._missing.get((made["policy"], decide), 0) + 1
            return None
        before = self._last["carry"] if self._last.get("policy") == made["policy"] else []
        view = self._feed.mirror.view(made["view"], made["now"])
        try:
            with patience(PATIENCE_S):
                plan, carry = decide(view, made["params"], ints(before))
                plan = plan.plain()
        except (Exception, SystemExit) as error:  # a policy is a plugin
            return self._differ(event.seq, made, f"taken again it raised {type(error).__name__}: {error}")
        wrong = _difference(made, plan, carry.tolist())
        if wrong:
            return self._differ(event.seq, made, wrong)
        self._same += 1
        return None

    def _policy(self, name: str) -> Decide | str:
        """The `decide` of a policy's name and version; why it cannot be had."""
        if name not in self._policies:
            self._policies[name] = self._find(*name.split(" ", 1))
        return self._policies[name]

    def _find(self, name: str, version: str = "") -> Decide | str:
        try:
            record, plugin = find_policy(self._manager, name)
            installed = record.version if record else KERNEL_VERSION
            if installed != version:
                return f"version {version} is not installed, {installed} is"
            return resolve(record, plugin) if record else kernel
        except Problem as problem:
            return f"{problem.what}: {problem.why}" if problem.why else problem.what

    def _differ(self, seq: int, made: dict[str, Any], words: str) -> None:
        self._differences.append(
            {
                "seq": seq,
                "view": made.get("view"),
                "policy": made.get("policy", ""),
                "outcome": made.get("outcome", ""),
                "words": words,
            }
        )


def _all(rows: Rows, tick: Tick) -> Iterator[Event]:
    after = 0
    while part := events(rows, after, PART // 10):
        yield from part
        after = part[-1].seq
        tick(after)


def _fallback(view: View, params: Any, carry: Any) -> tuple[Plan, Any]:
    """What the controller does when the policy fails: the core's kernel, refereed too."""
    from shanyrak.policy.fallback import fallback
    from shanyrak.policy.plan import Plan
    from shanyrak.policy.referee import check

    plan, after = fallback(view, params, carry)
    return (Plan() if check(view, plan, params) else plan), after


def _difference(made: dict[str, Any], plan: Plan, carry: list[int]) -> str:
    """What of a decision is not as it is on record; nothing when all is."""
    shown = {name: value for name, value in plan.to_dict().items() if not name.startswith("wait_")}
    names = [name for name in sorted(shown.keys() | made["plan"].keys()) if shown.get(name) != made["plan"].get(name)]
    if names:
        first = names[0]
        return (
            f"its plan differs in {', '.join(names)}: {first} is {_short(made['plan'].get(first))} on record and "
            f"{_short(shown.get(first))} again"
        )
    if carry != made["carry"]:
        return f"it carries {_short(made['carry'])} on record and {_short(carry)} again"
    if plan.hash() != made["plan_hash"]:
        return "its plan differs in why the others wait, or its hash was altered"
    return ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
