"""The engines of all pools, called so that one that fails stops nothing and nothing is concluded from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from shanyrak.control import answers
from shanyrak.control.settle import Open
from shanyrak.errors import Problem
from shanyrak.exchange import Node
from shanyrak.journal import points

if TYPE_CHECKING:
    from shanyrak.api import Engine

log = logging.getLogger("shanyrak.engines")

TROUBLE_S = 1.0
"""How long an engine that did not answer is left alone."""
CHECKS: dict[str, Callable[..., tuple[Any, str]]] = {
    "nodes": answers.nodes,
    "launch": answers.launched,
    "observe": answers.seen,
}
"""What of an answer is sound, by method."""


class Engines:
    """One engine a pool, by the pool's number."""

    def __init__(self, engines: dict[int, Engine]) -> None:
        self._engines = engines
        self._quiet_until: dict[int, float] = {}
        self._trouble: dict[tuple[int, str], str] = {}
        self._gone: dict[int, list[str]] = {}

    def ask(self, pool: int, verb: str, *arguments: Any) -> tuple[bool, Any]:
        """Call a method of an engine: (it answered, what of its answer is sound). It is a plugin: it may raise anything."""
        try:
            answer = getattr(self._engines[pool], verb)(*arguments)
            wrong = ""
            if verb in CHECKS:
                answer, wrong = CHECKS[verb](*arguments, answer)
        except (Exception, SystemExit) as error:
            self._note(pool, verb, str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}")
            self._quiet_until[pool] = time.monotonic() + TROUBLE_S
            return False, ()
        if wrong:
            self._note(pool, verb, wrong)
        else:
            self._trouble.pop((pool, verb), None)
        return True, answer

    def _note(self, pool: int, verb: str, words: str) -> None:
        """Log trouble with a method of an engine, once until it is another, whatever its other methods answer."""
        if self._trouble.get((pool, verb)) != words:
            log.warning("engine of pool %s, %s: %s", pool, verb, words)
        self._trouble[pool, verb] = words

    def trouble(self, pool: int) -> str:
        """What was wrong when an engine was asked last, of a launch or else of something else; empty when nothing was."""
        found = {verb: words for (number, verb), words in self._trouble.items() if number == pool}
        return found.get("launch") or next(iter(found.values()), "")

    def answering(self, pool: int) -> bool:
        """Whether there is an engine for this pool that is not left alone just now."""
        return pool in self._engines and self._quiet_until.get(pool, 0.0) <= time.monotonic()

    def by_pool(self, attempts: Sequence[Open]) -> dict[int, list[Open]]:
        """Attempts by the pool whose engine can be asked about them now."""
        grouped: dict[int, list[Open]] = {}
        for attempt in attempts:
            if self.answering(attempt.pool):
                grouped.setdefault(attempt.pool, []).append(attempt)
        return grouped

    def nodes(self) -> dict[int, Sequence[Node]]:
        """The nodes of every engine that answers."""
        found = {pool: self.ask(pool, "nodes") for pool in self._engines if self.answering(pool)}
        return {pool: list(nodes) for pool, (answered, nodes) in found.items() if answered}

    def gone(self, pool: int, token: str) -> None:
        """The end of an attempt is on record: its engine may forget it, when there is time."""
        self._gone.setdefault(pool, []).append(token)

    def forget(self, least: int) -> None:
        """Let engines forget what is on record, where there are `least` such attempts."""
        for pool, tokens in self._gone.items():
            if len(tokens) >= least and self.answering(pool):
                if self.ask(pool, "forget", list(tokens))[0]:
                    tokens.clear()
                points.reached("forget.after")

    def wait(self, live: Collection[int], timeout_s: float) -> None:
        """Return after `timeout_s`, or sooner when work of one of the pools `live` may have ended."""
        until = time.monotonic() + timeout_s
        known = [pool for pool in live if self.answering(pool)]
        for pool in known:
            self.ask(pool, "wait", timeout_s / len(known))
        if not known:
            time.sleep(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        """Let go of all engines; what runs goes on."""
        for pool in self._engines:
            try:
                self._engines[pool].close()
            except (Exception, SystemExit) as error:
                log.warning("engine of pool %s, close: %s: %s", pool, type(error).__name__, error)
