"""How the conformance kit works with a plugin, a store or a meter: what an author replaces where theirs is unlike others.

Engines have `engine_harness`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.exchange import MeterContext, Sample, StoreContext, Stretch
from shanyrak.records import Meter, Store

if TYPE_CHECKING:
    from shanyrak.api import Instrument, JournalStore

PATIENCE_S = 120.0
"""How long anything may take before a test gives up."""


class Harness:
    """What all have: the record, its plugin, a folder that is empty at first, and the plugin's settings."""

    shared: Any = None
    """What `session` gave, the same in every test."""

    @classmethod
    @contextmanager
    def session(cls, folder: Path, settings: Any) -> Iterator[Any]:
        """What all tests of one run share, such as a server that takes long to start: entered before the first of them, left
        after the last. `UnfitProblem` when what it needs is not installed: then they are skipped, and say why."""
        yield None

    def __init__(self, record: Any, plugin: str, folder: Path, settings: Any = None) -> None:
        self.record, self.plugin, self.folder, self.settings = record, plugin, folder, settings

    def target(self) -> Callable[[Any], Any]:
        """The code that the record names."""
        from shanyrak.plugins.loading import load

        function: Callable[[Any], Any] = load(self.record.target, self.plugin)
        return function

    def close(self) -> None:
        """Leave nothing behind. Called after each test."""


class StoreHarness(Harness):
    """For stores whose URL names a file. Others replace `url`."""

    record: Store

    def url(self) -> str:
        """The URL of one store of its own, not made yet. The same for every harness over this folder."""
        return f"{self.record.scheme}:journal"

    def open(self, *, create: bool = False, wait_s: float = 20.0) -> JournalStore:
        """One more connection to it."""
        made: JournalStore = self.target()(StoreContext(self.url(), str(self.folder), self.settings, create, wait_s))
        return made


class MeterHarness(Harness):
    """For meters that need no instrument here. Others replace `feed`, and `stretch` for the nodes they know."""

    record: Meter

    def make(self) -> Instrument:
        """A meter over the harness's folder; called again, another object over the same."""
        home = self.folder / "meter"
        home.mkdir(mode=0o700, exist_ok=True)
        made: Instrument = self.target()(MeterContext(self.record.name, self.record.unit, str(home), self.settings))
        return made

    def stretch(self, token: str, **changes: Any) -> Stretch:
        """An attempt of ten seconds on one node."""
        fields: dict[str, Any] = {
            "workload": 1, "project": "p", "pool": "gpu", "unit": "gpu", "units": 8, "nodes": ("gpu-0",),
            "started_ms": 1_700_000_000_000, "ended_ms": 1_700_000_010_000, "ran_ms": 10_000, "cpu_ms": 4_000,
            "peak_memory": 1 << 30, **changes,
        }  # fmt: skip
        return Stretch(token, **fields)

    def feed(self, points: Sequence[tuple[int, int]]) -> None:
        """The instrument of node `gpu-0` gave these readings (ms since the epoch, value), and no others."""
        raise NotImplementedError("a plugin whose meter claims `counter` says how")

    def read(self, *stretches: Stretch) -> dict[str, Sample]:
        """What a new meter says of these, by token."""
        meter = self.make()
        try:
            return {sample.token: sample for sample in meter.read(stretches)}
        finally:
            meter.close()


def deadline() -> float:
    """When to give up something that begins now, by the monotonic clock."""
    return time.monotonic() + PATIENCE_S


def eventually(check: Callable[[], object], what: str) -> None:
    """Wait until a check holds. AssertionError when it never does."""
    until = deadline()
    while not check():
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.02)
