"""The plugin `lamp`: a meter, so that its readings are among what is killed and recovered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import importlib_metadata
from shanyrak.api import Meter, MeterContext, Plugin, Sample, Stretch, hookimpl
from shanyrak.plugins.discovery import Found, find
from shanyrak.plugins.manager import PluginManager
from shanyrak.plugins.names import GROUP
from shanyrak.plugins.switches import read_switches

PLUGIN = Plugin("lamp", "2", "What a lamp took")


@hookimpl
def shanyrak_meters() -> list[Meter]:
    return [Meter("lamp", "joule", "A watt a unit", "faultlab.meter:Lamp")]


class Lamp:
    """One watt a unit."""

    def __init__(self, context: MeterContext) -> None: ...

    def read(self, stretches: Sequence[Stretch]) -> list[Sample]:
        return [Sample(one.token, one.units * one.ran_ms // 1000, "modelled", one.ran_ms, "1 W") for one in stretches]

    def close(self) -> None: ...


def with_lamp(folder: Path) -> PluginManager:
    """The plugins that are installed, and this one."""
    entry = importlib_metadata.EntryPoint("lamp", "faultlab.meter", GROUP)
    return PluginManager(read_switches(folder, os.environ), finder=lambda: sorted([*find(), Found("lamp", (entry,))]))
