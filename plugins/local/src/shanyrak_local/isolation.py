"""Which isolation attempts get here: tried once a boot, kept in `isolation.json` of the engine's folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shanyrak.api import EngineProblem

from shanyrak_local import boot, proc
from shanyrak_local.settings import Settings


@dataclass(frozen=True, slots=True)
class Isolation:
    """`kind` is `bwrap`, `namespace` or `subreaper`; `bwrap` its path; `userns`: it may use `--disable-userns`."""

    kind: str
    bwrap: str = ""
    userns: bool = False


def choose(settings: Settings, folder: Path) -> Isolation:
    """The isolation for these settings; `EngineProblem` when what they demand does not work on this machine."""
    wanted = settings.isolation
    if wanted == "none":
        return Isolation("subreaper")
    works = _probe(folder)
    if wanted in ("auto", "bwrap") and works["bwrap"]:
        return Isolation("bwrap", works["bwrap"], works["userns"])
    if wanted == "bwrap":
        raise EngineProblem(
            "plugins.local.isolation = 'bwrap'",
            works["why_bwrap"],
            "install bubblewrap, or choose auto",
        )
    if works["namespace"]:
        return Isolation("namespace")
    if wanted == "namespace":
        raise EngineProblem(
            "plugins.local.isolation = 'namespace'",
            works["why_namespace"],
            "allow user namespaces, or choose auto",
        )
    return Isolation("subreaper")


def _probe(folder: Path) -> dict[str, Any]:
    """What works here, from this boot's trial or a new one."""
    path = folder / "isolation.json"
    bwrap = shutil.which("bwrap")
    key = [proc.boot_id(), os.geteuid(), bwrap, Path(bwrap).stat().st_mtime_ns if bwrap else 0]
    try:
        kept = json.loads(path.read_text())
        if kept["key"] == key:
            found: dict[str, Any] = kept["found"]
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        done = subprocess.run(
            boot.command("probe"), capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=True
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        words = f"the trial failed: {problem}"
        return {"namespace": False, "bwrap": "", "userns": False, "why_namespace": words, "why_bwrap": words}
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        fresh.write_text(json.dumps({"key": key, "found": found}))
        fresh.rename(path)
    except OSError:
        pass
    return found
