"""A folder of throw-away plugins, and a manager that sees only those."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shanyrak.plugins.discovery import find
from shanyrak.plugins.manager import PluginManager
from shanyrak.plugins.switches import Switches


class House:
    """Installed plugins (in `folder`) and the lines that managers wrote for people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []

    def manager(self, switches: Switches | None = None) -> PluginManager:
        return PluginManager(switches, finder=lambda: find([str(self.folder)]), warn=self.lines.append)

    def states(self, switches: Switches | None = None) -> dict[str, str]:
        return {state.name: state.state for state in self.manager(switches).states()}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield House(folder)
    for name in set(sys.modules) - before:
        if name.startswith("x_"):
            del sys.modules[name]
