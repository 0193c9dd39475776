"""Starting the keeper as a small interpreter: this package's own files and the standard library, nothing else.

The keeper is forked once for each attempt, so it must not carry the core, pydantic or any site package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_START = (
    "import sys, types; sys.dont_write_bytecode = True; package = types.ModuleType('shanyrak_local'); "
    "package.__path__ = [sys.argv.pop(1)]; sys.modules['shanyrak_local'] = package; "
    "from shanyrak_local.{module} import main; sys.exit(main(*sys.argv[1:]))"
)


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs `main` of a module of this package alone."""
    here = str(Path(__file__).parent)
    return [sys.executable, "-I", "-S", "-c", _START.format(module=module), here, *arguments]


def start_keeper(folder: Path) -> dict[str, Any]:
    """Start a keeper detached from this process; what it says first: `ready`, `busy` or `failed`."""
    with open(folder / "keeper.log", "ab", buffering=0) as log:
        if log.tell() > 1 << 20:
            log.truncate(0)
        child = subprocess.Popen(
            command("detach", str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
        )
    assert child.stdout is not None
    with child.stdout:
        line = child.stdout.readline()
    child.wait()
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"failed": f"the keeper ended at its start; see {folder / 'keeper.log'}"}
    return said
