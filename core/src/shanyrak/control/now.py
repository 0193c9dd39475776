"""What the active policy would decide at this moment, for questions: planned in this process, nothing is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from shanyrak.control.decider import find_policy, resolve
from shanyrak.control.feed import Feed
from shanyrak.errors import PluginProblem

if TYPE_CHECKING:
    from shanyrak.control.site import Site
    from shanyrak.policy.plan import Plan
    from shanyrak.policy.stages import Decide
    from shanyrak.policy.view import View

PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot and the plan for it; `by` says who planned, with the trouble when that was not the active policy."""

    feed: Feed
    view: View
    plan: Plan
    decide: Decide
    by: str

    def mask(self, job: int) -> int:
        """The tests that a waiting job fails now."""
        at = int(self.plan.wait_job.searchsorted(job))
        found = at < len(self.plan.wait_job) and int(self.plan.wait_job[at]) == job
        return int(self.plan.wait_why[at]) if found else 0


def moment(site: Site) -> Moment:
    """Plan with the active policy; with the core's kernel when that cannot."""
    import shanyrak.policy.pack  # noqa: F401  (numba with it: an import that patience ends half-way is broken for ever)
    from shanyrak.policy.arrays import ints
    from shanyrak.policy.fallback import fallback

    with site.journal.read() as rows:
        feed = Feed(rows)
    view = feed.mirror.view(feed.seq, site.journal.now())
    decide, by = active(site)
    try:
        with patience(PATIENCE_S):
            plan, _ = decide(view, site.params(), ints([]))
    except (Exception, SystemExit) as error:  # a policy is a plugin
        plan, _ = fallback(view, site.params(), ints([]))
        decide, by = fallback, f"the core's kernel, because {by} failed ({type(error).__name__}: {error})"
    return Moment(feed, view, plan, decide, by)


def active(site: Site) -> tuple[Decide, str]:
    """The active policy's `decide` and its name; the core's kernel when its plugin is not there."""
    from shanyrak.policy.fallback import fallback

    name = site.active_policy()
    try:
        record, plugin = find_policy(site.manager, name)
        if record is None:
            return fallback, "the core's kernel"
        return resolve(record, plugin), f"policy {record.name} {record.version}"
    except PluginProblem as problem:
        return fallback, f"the core's kernel, because policy {name} is not there ({problem.why})"


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after `seconds` (in the main thread; elsewhere there is no limit)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> Any:
        raise TimeoutError(f"no plan within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
