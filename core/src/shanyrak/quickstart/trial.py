"""Something real beneath the first run: an engine's `trial`, brought up for it, and stopped whatever happens."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from shanyrak.control.init import commons_of
from shanyrak.control.site import Site
from shanyrak.control.workspace import default_manager, refuse_used
from shanyrak.errors import PluginProblem, Problem, UnfitProblem, UsageProblem
from shanyrak.exchange import Trial

if TYPE_CHECKING:
    from shanyrak.plugins.manager import Offer
    from shanyrak.records import Engine

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""What else than Ctrl-C ends a command, and shall leave nothing behind either."""


@contextmanager
def over_trial(folder: Path, engine: str, tell: Callable[[str], None]) -> Iterator[Site]:
    """A new site in `folder` over what the engine's trial brings up; that is stopped at the end.

    Raises PluginProblem (no such engine, a trial that breaks), UsageProblem (an engine without one, a folder that is
    used), and what the trial says is missing here.
    """
    refuse_used(folder)
    offer = default_manager(folder).engine(engine)
    if not offer.record.trial:
        raise UsageProblem(
            f"--engine {engine}",
            "this engine brings no trial with it",
            f"make a site that uses it: `shanyrak init DIR --engine {engine}`",
        )
    tell(f"bringing up {engine} on this machine, for this run")
    with _running(offer) as trial:
        with _faults_of(offer, "does not give what a site needs"):
            site = _site(folder, offer, trial)
        try:
            yield site
        finally:
            site.close()


@contextmanager
def _running(offer: Offer[Engine]) -> Iterator[Trial]:
    """The trial, up. Its folder has a short name, as sockets need one, and goes with it; what a failed one left is kept."""
    from shanyrak.plugins.loading import load

    function = load(offer.record.trial, offer.plugin)
    folder = Path(tempfile.mkdtemp(prefix="shanyrak-trial-"))
    with _ended_orderly():
        try:
            with _faults_of(offer, "could not be brought up"):
                running = function(folder)
                trial = running.__enter__()
        except UnfitProblem:  # it never began
            shutil.rmtree(folder, ignore_errors=True)
            raise
        try:
            yield trial
        finally:
            with _undisturbed(), _faults_of(offer, "could not be stopped"):
                running.__exit__(None, None, None)
            shutil.rmtree(folder, ignore_errors=True)


def _site(folder: Path, offer: Offer[Engine], trial: Trial) -> Site:
    pools = [dict(pool) for pool in trial.pools]
    if any(pool.get("engine") != offer.record.name for pool in pools):
        raise ValueError(f"a pool has another engine than {offer.record.name}")
    if not any(pool.get("unit") == "cpu" for pool in pools):
        raise ValueError("no pool counts `cpu`, which is what the first run's work takes")
    try:
        commons = commons_of(folder, pools, default_manager(folder), {offer.plugin: trial.settings})
    except UsageProblem as problem:  # of a file that nobody wrote: not a user's fault
        raise ValueError(f"{problem.what}: {problem.why}") from None
    Site.create(folder, commons).close()
    return Site.open(folder)  # once more, as the plugin's settings are read from the file


@contextmanager
def _faults_of(offer: Offer[Engine], what: str) -> Iterator[None]:
    """What a plugin raises that is no Problem becomes one that names it."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:
        raise PluginProblem(
            f"plugin {offer.plugin}",
            f"the trial of its engine {offer.record.name} {what} ({type(error).__name__}: {error})",
            f"shanyrak plugin check {offer.plugin}",
        ) from error


@contextmanager
def _ended_orderly() -> Iterator[None]:
    """A request to end, or a closed terminal, unwinds as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.getsignal(number) for number in ENDS}
    try:
        for number, handler in before.items():
            if handler == signal.SIG_DFL:  # under nohup it stays ignored
                signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """While it is being stopped, a second Ctrl-C stops nothing halfway."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *ENDS)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
