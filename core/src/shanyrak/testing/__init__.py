"""What the core ships to the authors of plugins for their tests: fakes, a runner of the command line, the conformance kit.

The kit needs pytest and hypothesis (`pip install shanyrak[testing]`); the rest does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Bench", "Cli", "EngineHarness", "FakeEngine", "FakeEngineHarness", "Machine", "MeterHarness", "StoreHarness",
    "VirtualClock", "disk_store", "installed", "settle",
]  # fmt: skip

if TYPE_CHECKING:
    from shanyrak.testing.cli import Cli
    from shanyrak.testing.engine_harness import EngineHarness
    from shanyrak.testing.fake_harness import FakeEngineHarness
    from shanyrak.testing.fakes import Bench, FakeEngine, VirtualClock, installed, settle
    from shanyrak.testing.harness import MeterHarness, StoreHarness
    from shanyrak.testing.machine import Machine
    from shanyrak.testing.stores import disk_store

_WHERE = {
    **dict.fromkeys(("Bench", "FakeEngine", "VirtualClock", "installed", "settle"), "fakes"),
    **dict.fromkeys(("MeterHarness", "StoreHarness"), "harness"),
    "Cli": "cli", "EngineHarness": "engine_harness", "FakeEngineHarness": "fake_harness", "Machine": "machine",
    "disk_store": "stores",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"shanyrak.testing.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
