"""`[plugins] allow`: only what is listed is loaded, by name, version and the hashes of its files, looked at before any import.

A line is `DISTRIBUTION VERSION sha256:HEX`. The digest is over what the distribution's RECORD says of each of its files, and
each file is hashed and compared with that. A distribution whose source is installed as editable has no such files: its line
is `DISTRIBUTION VERSION editable:FOLDER`, and allows whatever is in that folder.

What this guards against is a package that is not the one that was looked at. It is no guard against someone who can write to
the environment: they can change the core too.
"""

from __future__ import annotations

import csv
import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from shanyrak.plugins.discovery import Found
from shanyrak.plugins.guard import Broken, guarded

BY_THE_INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"})
"""Files of the metadata that differ with who installs, and that nothing imports."""
IMPORTABLE = frozenset({".py", ".so", ".pyd"})


class Identity(NamedTuple):
    """What a distribution is: the line that allows it, or the fault for which no line can."""

    name: str
    version: str
    digest: str
    fault: str = ""

    @property
    def line(self) -> str:
        return f"{self.name} {self.version} {self.digest}"


def refusal(found: Found, allow: Sequence[str]) -> str:
    """Why a plugin is not allowed, in words; empty when it is. Imports nothing of it. Never raises."""
    for entry in found.entries:
        try:
            with guarded("its metadata cannot be read"):
                is_ = identity(entry.dist, str(entry.value).partition(":")[0])
        except Broken as broken:
            return f"it is not allowed: {broken}"
        lines = [line.split(maxsplit=2) for line in allow]
        mine = [line for line in lines if line[0] == is_.name]
        if not mine:
            return f"{is_.name} is not in `[plugins] allow` of commons.toml"
        if is_.fault:
            return f"it is not allowed: {is_.fault}"
        if [is_.name, is_.version, is_.digest] not in mine:
            versions = sorted({line[1] for line in mine})
            if is_.version not in versions:
                return f"`[plugins] allow` has {is_.name} {', '.join(versions)}, and {is_.version} is installed"
            return f"its files are not those that `[plugins] allow` has for {is_.name} {is_.version}"
    return ""


def identity(distribution: Any, module: str) -> Identity:
    """A distribution that offers a plugin in `module`, by its metadata and its files."""
    name, version = str(distribution.name), str(distribution.version)
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return Identity(name, version, f"editable:{str(origin['url']).removeprefix('file://')}")
    files = dict(_recorded(distribution))
    if not files:
        return Identity(name, version, "", "it has no RECORD of its files")
    fault = next((fault for path, hash_ in files.items() if (fault := _fault(distribution, path, hash_))), "")
    fault = fault or _unlisted(distribution, files) or _elsewhere(distribution, files, module)
    text = "".join(f"{path},{hash_}\n" for path, hash_ in sorted(files.items()))
    return Identity(name, version, f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", fault)


def _recorded(distribution: Any) -> Iterator[tuple[str, str]]:
    """(path, hash) of what it installed to be imported or read: no caches, no scripts, nothing that the installer made."""
    for line in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        path, hash_ = line[0], line[1]
        if path.startswith(("..", "/")) or "__pycache__" in path:
            continue
        folder, _, file = path.rpartition("/")
        if not (folder.endswith(".dist-info") and file in BY_THE_INSTALLER):
            yield path, hash_


def _fault(distribution: Any, path: str, hash_: str) -> str:
    kind, _, value = hash_.partition("=")
    if kind != "sha256":
        return f"its RECORD has no sha256 of {path}"
    try:
        content = Path(distribution.locate_file(path)).read_bytes()
    except OSError:
        return f"{path}, which its RECORD lists, cannot be read"
    expected = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    return "" if hashlib.sha256(content).digest() == expected else f"{path} is not what its RECORD says"


def _unlisted(distribution: Any, files: dict[str, str]) -> str:
    """A module in one of its packages that its RECORD does not know."""
    tops = {
        path.partition("/")[0] for path in files if "/" in path and not path.partition("/")[0].endswith(".dist-info")
    }
    root = Path(distribution.locate_file(""))
    for top in sorted(tops):
        for path in sorted((root / top).rglob("*")):
            if (
                path.suffix in IMPORTABLE
                and "__pycache__" not in path.parts
                and str(path.relative_to(root)) not in files
            ):
                return f"{path.relative_to(root)} is not in its RECORD"
    return ""


def _elsewhere(distribution: Any, files: dict[str, str], module: str) -> str:
    """An entry point that leads to something other than the distribution's own files."""
    spec = find_spec(module.partition(".")[0])  # of a module at the top, so nothing is imported
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    if origin not in {Path(distribution.locate_file(path)).resolve() for path in files}:
        return f"its entry point leads to `{module}`, which is not among its files"
    return ""
