"""Finding plugins: the entry points of one group, in order of name, nothing imported yet.

`importlib_metadata` is used rather than the standard module: it imports its parsers on use, which makes the
start of the command line about a fifth quicker on Python 3.11, and it is the same on every Python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import importlib_metadata as metadata

from shanyrak.plugins.guard import Broken, guarded
from shanyrak.plugins.names import GROUP


class Found(NamedTuple):
    """One name that some distribution offers. More than one entry: the name is offered twice."""

    name: str
    entries: tuple[Any, ...]

    @property
    def distribution(self) -> str:
        """Names of the distributions that offer it. Reads their metadata: not on the way to `--help`."""
        return ", ".join(_of(entry, "name") for entry in self.entries)

    @property
    def version(self) -> str:
        """Their versions, in the same order."""
        return ", ".join(_of(entry, "version") for entry in self.entries)

    @property
    def origin(self) -> str:
        """Where they were installed from, in the same order: see `PluginState.origin`."""
        return ", ".join(_origin(entry) for entry in self.entries)


def find(path: list[str] | None = None) -> list[Found]:
    """Everything installed under the group, by name; on `path` in place of `sys.path`, if given."""
    names: dict[str, list[Any]] = {}
    # What is not there (usually pythonXY.zip) would be opened as an archive, for which much is imported.
    there = [one for one in (sys.path if path is None else path) if not one or os.path.exists(one)]  # noqa: PTH110
    for distribution in metadata.distributions(path=there):
        for entry in _entries(distribution):
            names.setdefault(str(entry.name), []).append(entry)
    return [Found(name, _unlike(names[name])) for name in sorted(names)]


def _entries(distribution: Any) -> Iterator[Any]:
    """Only a file that names the group is parsed; an unreadable one does not hide the plugins of the others."""
    try:
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            return
        entries = list(distribution.entry_points.select(group=GROUP))
    except Exception:
        return
    yield from entries


def _unlike(entries: list[Any]) -> tuple[Any, ...]:
    """One distribution may be found twice on the path; the first one counts, as it does for imports."""
    if len(entries) == 1:
        return (entries[0],)
    first: dict[tuple[str, str], Any] = {}
    for entry in entries:
        name = _of(entry, "name").lower().replace("_", "-").replace(".", "-")
        first.setdefault((name, entry.value), entry)
    return tuple(first.values())


def _origin(entry: Any) -> str:
    """What the installer noted (direct_url.json); it notes nothing for what came from an index."""
    import json

    try:
        with guarded("metadata"):
            noted = json.loads(entry.dist.read_text("direct_url.json") or "{}")
            url = str(noted.get("url", "index")).removeprefix("file://")
            return f"editable {url}" if noted.get("dir_info", {}).get("editable") else url
    except Broken:
        return "?"


def _of(entry: Any, attribute: str) -> str:
    try:
        with guarded("metadata"):
            return str(getattr(entry.dist, attribute) or "?")
    except Broken:
        return "?"
