"""How heavy is the import of one plugin? Measured in a process of its own.

`python -m shanyrak.plugins.probe NAME` prints one JSON object: `ms` of the import beside what the core has
imported already, the `heavy` modules that it brought in, and the `error` it raised, if any.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter

import shanyrak.api  # noqa: F401  the core's own part of what a plugin imports
from shanyrak.plugins.discovery import find
from shanyrak.plugins.guard import Broken, guarded, one_line

HEAVY = (
    "numba", "numpy", "pandas", "psutil", "psycopg", "pydantic", "ray", "requests", "rich", "scipy",
    "sqlalchemy", "starlette", "fastapi", "httpx", "aiohttp", "torch", "uvicorn", "asyncio", "sqlite3",
    "http.client", "ssl", "urllib.request", "urllib3", "pytest", "hypothesis",
)  # fmt: skip
"""Modules that no entry-point module needs, as it is data."""

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Probe:
    """What a process of its own saw. `died` says how it ended when it could not answer."""

    ms: float = 0.0
    heavy: tuple[str, ...] = ()
    error: str = ""
    died: str = ""


def probe(name: str) -> Probe:
    """Import a plugin in a fresh process, with this process's import path."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-m", "shanyrak.plugins.probe", name]
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Probe(died=f"its import did not end within {PATIENCE_S} s")
    try:
        answer = json.loads(done.stdout)
        return Probe(answer["ms"], tuple(answer["heavy"]), answer["error"])
    except (ValueError, KeyError, TypeError):
        return Probe(died=f"its import ended the whole process (exit code {done.returncode})")


def measure(name: str) -> dict[str, object]:
    """Import it here."""
    found = next((one for one in find() if one.name == name), None)
    if found is None:
        return {"ms": 0.0, "heavy": [], "error": f"no plugin `{name}` is installed"}
    before = set(sys.modules)
    error = ""
    begun = perf_counter()
    try:
        with guarded("import"):
            found.entries[0].load()
    except Broken as broken:
        error = one_line(broken.__cause__ or broken)
    ms = (perf_counter() - begun) * 1000
    return {
        "ms": ms,
        "heavy": [one for one in HEAVY if one in sys.modules and one not in before],
        "error": error,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1])))
