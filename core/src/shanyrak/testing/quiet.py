"""What do imports print, fetch or write? Seen from a process of its own, by Python's audit events.

`python -m shanyrak.testing.quiet FILE MODULE ...` imports the modules in order and writes a JSON object to FILE: `error`, and
`deeds`, each as [module, what it did].
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import shanyrak.api  # noqa: F401  the core's own part of what a plugin imports

FETCHES = ("socket.connect", "socket.getaddrinfo", "socket.bind", "urllib.Request", "ftplib.connect", "smtplib.connect")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
WRITES = (
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
    "sqlite3.connect",
)


class Seen(NamedTuple):
    """What a process of its own saw: what was printed, what else was done (module, words), and what was raised."""

    printed: str
    deeds: tuple[tuple[str, str], ...]
    error: str


def look(modules: Sequence[str]) -> Seen:
    """Import them in a fresh process with this process's import path."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryDirectory(prefix="shanyrak-") as folder:
        file = Path(folder) / "seen.json"
        done = subprocess.run(
            [sys.executable, "-P", "-m", "shanyrak.testing.quiet", str(file), *modules],
            env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if not file.exists():
            return Seen(
                done.stdout + done.stderr, (), f"the import ended the whole process (exit code {done.returncode})"
            )
        said = json.loads(file.read_text())
    return Seen(done.stdout + done.stderr, tuple((module, deed) for module, deed in said["deeds"]), said["error"])


def main(file: str, modules: Sequence[str]) -> None:
    """Import them here, where every deed is noted."""
    deeds: list[tuple[str, str]] = []
    now = ""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if now and (words := deed(event, arguments)):
            deeds.append((now, words))

    sys.addaudithook(note)
    error = ""
    for module in modules:
        now = module
        try:
            import_module(module)
        except BaseException as raised:
            error = error or f"{module}: {type(raised).__name__}: {raised}"
    now = ""
    Path(file).write_text(json.dumps({"deeds": deeds, "error": error}))


def deed(event: str, arguments: tuple[Any, ...]) -> str:
    """What an audit event means, in words; nothing when an import may do it."""
    if event in FETCHES or event in STARTS or event in WRITES:
        return f"{event} {' '.join(str(one) for one in arguments[:2])}"[:200]
    if event == "open":
        path, mode, flags = arguments
        writes = set(str(mode or "")) & set("wax+") or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))
        return f"open {path} for writing" if writes and path != os.devnull else ""
    return ""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
