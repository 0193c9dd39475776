"""A PostgreSQL of one's own for a while: what tests, benchmarks and the conformance kit run against."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shanyrak.api import UnfitProblem

ADMIN = "shanyrak"
"""The superuser, whom the socket lets in without a password."""
PATIENCE_S = 60.0
_QUICK = MappingProxyType(
    {"shared_buffers": "16MB", "max_connections": "40", "timezone": "UTC", "log_min_messages": "fatal"}
)


def programs() -> Path:
    """The folder of `postgres` and `initdb`. Raises UnfitProblem where there is none."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not versions:
        raise UnfitProblem("PostgreSQL", "no program `postgres` is installed", "install the package postgresql")
    return versions[-1].parent


class Server:
    """One cluster in a short, private folder, with every commit durable, on a socket there and on a free port of 127.0.0.1.

    PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`. It dies with the thread that started it.
    """

    def __init__(self, home: str | Path | None = None, settings: Mapping[str, str] = _QUICK) -> None:
        self.bin, self.settings = programs(), settings
        shared = Path("/dev/shm")  # where syncing costs nothing, and a process that dies loses nothing
        base = home or (shared if os.access(shared, os.W_OK) else tempfile.gettempdir())
        self.folder = Path(tempfile.mkdtemp(prefix="shanyrak-pg-", dir=base))
        self.user = _user()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        if self.user:
            shutil.chown(self.folder, self.user)
        done = self._run(
            "initdb", "-D", str(self.folder / "data"), "-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        if done.returncode:
            self.remove()
            raise UnfitProblem(
                "PostgreSQL", f"initdb failed ({done.stderr.strip()[-200:]})", "see that it is installed whole"
            )
        hba = self.folder / "data" / "pg_hba.conf"
        hba.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    # ---- its life -------------------------------------------------------------------------------------------

    def start(self) -> Server:
        """Run it, on another port when somebody else was faster; returns when it takes connections."""
        for _ in range(5):
            self.port = self.port or _free_port()
            options = {**self.settings, "port": str(self.port), "listen_addresses": "127.0.0.1",
                       "unix_socket_directories": str(self.folder)}  # fmt: skip
            given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
            with open(self.folder / "log", "ab") as log:
                self._process = subprocess.Popen(
                    [self.bin / "postgres", "-D", self.folder / "data", *given],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                    preexec_fn=_die_with_parent, **self._as_user(),
                )  # fmt: skip
            if self._ready():
                return self
            self.port = 0
        raise UnfitProblem("PostgreSQL", f"it does not start ({self.said()[-300:]})", "see that it is installed whole")

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it as an operator does, with connections broken off; or with another signal."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def kill(self) -> None:
        """`kill -9` for it and all its processes, as when its machine loses power but its disk does not."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE_S)
            self._process = None
            _until_gone(self.folder / "data")

    def crash(self) -> None:
        """Kill it, and start it again on the same port."""
        self.kill()
        self.start()

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def said(self) -> str:
        """Its log."""
        log = self.folder / "log"
        return log.read_text(errors="replace").strip() if log.exists() else ""

    # ---- where it is ----------------------------------------------------------------------------------------

    def address(self, **more: str) -> str:
        """Keywords for libpq over the socket, with others in their place or beside them."""
        given = {"host": str(self.folder), "port": str(self.port), "user": ADMIN, "dbname": "postgres", **more}
        return " ".join(f"{name}={value}" for name, value in given.items())

    def url(self, schema: str, **more: str) -> str:
        """A store of that schema."""
        return f"postgres:{self.address(**more)} schema={schema}"

    def execute(self, statement: str, **more: str) -> list[tuple[Any, ...]]:
        """One statement as the superuser; gives its rows."""
        import psycopg

        with psycopg.connect(self.address(**more), autocommit=True) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    # ---- beneath --------------------------------------------------------------------------------------------

    def _ready(self) -> bool:
        import psycopg

        until = time.monotonic() + PATIENCE_S
        while self._process is not None and self._process.poll() is None and time.monotonic() < until:
            try:
                self.execute("SELECT 1")
                return True
            except psycopg.OperationalError:
                time.sleep(0.02)
        return False

    def _as_user(self) -> dict[str, Any]:
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if self.user else {}

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / program, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env={**os.environ, "LC_ALL": "C"}, **self._as_user(),
        )  # fmt: skip


def schema_of(*parts: object) -> str:
    """The name of a schema: the same for the same parts, else another."""
    import hashlib

    return "s" + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def _user() -> str:
    """Whom it runs as in place of root; nobody else when this is not root."""
    if os.geteuid():
        return ""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise UnfitProblem("PostgreSQL", "it does not run as root, and there is no user `postgres` or `nobody`", "add one")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _die_with_parent() -> None:
    """Between fork and exec: SIGQUIT (stop at once) when the thread that starts it ends, however it does."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _until_gone(data: Path) -> None:
    """Backends are children of the postmaster: wait until none works in this folder any more."""
    until = time.monotonic() + PATIENCE_S
    while any(_works_in(entry, data) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        if time.monotonic() > until:
            raise UnfitProblem("PostgreSQL", "its processes do not die", "see them")
        time.sleep(0.01)


def _works_in(entry: Path, data: Path) -> bool:
    try:
        return (entry / "cwd").readlink() == data
    except OSError:
        return False
