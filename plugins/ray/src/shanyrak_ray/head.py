"""Ray of one's own on this machine: a head, perhaps on several machines its workers, and the certain end of all of it.

`ray start` leaves a dozen processes in several sessions. Each has `SHANYRAK_RAY` in its environment; a guard, which ends with
the pipe to whoever started it, kills all that have it: at the end, after an error, and when that one was killed.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from shanyrak.api import UnfitProblem

MARK = "SHANYRAK_RAY"
START_S = 600.0
"""Seconds that a head may take to start: one or two are usual, many more on a busy machine."""
TRIES = 3
"""Ports are chosen free, and may be taken by another before Ray has them."""
PORTS = range(20_000, 30_000)
SHORT = 36
"""Bytes that the name of a folder of Ray may have: its sockets, with a session's name before theirs, may have 107."""


def ray_program() -> str:
    """Where the command `ray` of this Python is. UnfitProblem when it is not installed, or without its dashboard."""
    path = Path(sys.executable).with_name("ray")
    if not path.exists():
        raise UnfitProblem(
            "Ray", "it is not installed beside this Python", "install it: `pip install 'shanyrak-ray[ray]'`"
        )
    if find_spec("aiohttp_cors") is None:
        why = "it is installed beside this Python without its dashboard, which takes jobs"
        raise UnfitProblem("Ray", why, "install it: `pip install 'shanyrak-ray[ray]'`")
    return str(path)


class Node:
    """One node of Ray on this machine, which knows how to start it: as a head, or joining the head at `address`."""

    def __init__(
        self, folder: Path, options: Sequence[str] = (), environment: Mapping[str, str] | None = None, token: str = ""
    ) -> None:
        self.folder, self.options = folder, list(options)
        self.mark = secrets.token_hex(8)
        self.token = token or secrets.token_hex(32)
        """Without it nobody who reaches a port of this Ray can do anything, as far as its version knows of tokens (2.52)."""
        self.url = self.address = ""
        self.ports: list[int] = []
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_enable_worker_prestart": "0",
            **(environment or {}),
            "TMPDIR": str(folder / "tmp"),  # what its processes leave there when they are killed goes with the folder
            MARK: self.mark,
        }

    def begin(self) -> None:
        """Start a head, on the same ports as before if it was killed. UnfitProblem with Ray's words when it does not start."""
        words, again = "", bool(self.ports)
        for _ in range(TRIES):
            ports = self.ports if again else _free_ports(4)
            done = self._start(
                "--head",
                f"--port={ports[0]}",
                "--dashboard-host=127.0.0.1",
                f"--dashboard-port={ports[1]}",
                f"--ray-client-server-port={ports[2]}",
                f"--dashboard-agent-listen-port={ports[3]}",
                "--include-log-monitor=false",
            )
            words = f"{done.stdout}\n{done.stderr}"
            found = re.search(r"--address='([^']+)'", re.sub(r"\x1b\[[0-9;]*m", "", words))
            if done.returncode == 0 and found:
                self.address, self.url, self.ports = found[1], f"http://127.0.0.1:{ports[1]}", ports
                return
            self.kill(work=False)
        raise UnfitProblem("Ray", f"its head does not start: {_said(words)}", f"see {self.folder}")

    def join(self, address: str) -> None:
        """Start a node of the head at that address. UnfitProblem with Ray's own words when it does not start."""
        words = ""
        for _ in range(TRIES):
            (port,) = _free_ports(1)
            done = self._start(f"--address={address}", f"--dashboard-agent-listen-port={port}")
            if done.returncode == 0:
                return
            words = done.stdout + done.stderr
            self.kill(work=False)
        raise UnfitProblem("Ray", f"a node of it does not start: {_said(words)}")

    def kill(self, *, work: bool = True) -> None:
        """SIGKILL to each of its processes; without `work`, to all but those that keep attempts of the engine."""
        sweep(self.mark, work=work)

    def signal(self, number: int, name: str) -> None:
        """Send a signal to those of its processes that have `name` in their command line."""
        for pid in _marked(self.mark, work=False):
            try:
                if name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, number)
            except OSError:
                continue

    def _start(self, *options: str) -> subprocess.CompletedProcess[str]:
        Path(self.env["TMPDIR"]).mkdir(exist_ok=True)
        words = [
            ray_program(), "start", *options, f"--temp-dir={self.folder / 'ray'}", "--min-worker-port=0",
            "--max-worker-port=0", "--disable-usage-stats", *self.options,
        ]  # fmt: skip
        try:
            return subprocess.run(
                words,
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=START_S,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(words, 1, "", f"it was not up after {late.timeout:g} s")


@contextmanager
def short_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder for a `Node`, removed at the end, under a name that leaves room for those of Ray's sockets.

    Batch systems give jobs temporary folders with long names: then the name is a link to what is there.
    """
    made = Path(tempfile.mkdtemp(prefix=prefix))
    link = None
    try:
        if len(os.fsencode(made)) > SHORT:
            link = Path("/tmp", f"ray-{secrets.token_hex(4)}")  # noqa: S108
            try:
                link.symlink_to(made)
            except OSError as problem:
                why = f"the name of the temporary folder {made} is too long for its sockets, and {link}: {problem.strerror}"
                raise UnfitProblem("Ray", why, "set TMPDIR to a folder with a short name") from None
        yield link or made
    finally:
        if link:
            link.unlink(missing_ok=True)
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def guarded(node: Node) -> Iterator[Node]:
    """Whatever becomes of this process, nothing of the node is left soon after. Its folder is the caller's to remove."""
    code = f"import sys; from shanyrak_ray.head import sweep; sys.stdin.read(); sweep({node.mark!r})"
    guard = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield node
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()


def sweep(mark: str, *, work: bool = True) -> None:
    """Kill all processes with this mark, until none is left."""
    while pids := list(_marked(mark, work)):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def _marked(mark: str, work: bool) -> Iterator[int]:
    line = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if line not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                if not work and b".pyz\0" in (entry / "cmdline").read_bytes():
                    continue
            except OSError:
                continue
            yield int(entry.name)


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody has now, outside the range from which it gives them to whoever connects."""
    held: list[socket.socket] = []
    try:
        for port in random.SystemRandom().sample(PORTS, len(PORTS)):
            sock = socket.socket()
            try:
                sock.bind(("", port))
            except OSError:
                sock.close()
                continue
            held.append(sock)
            if len(held) == count:
                break
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()


def _said(words: str) -> str:
    """The last of what Ray said, in one line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return (lines[-1] if lines else "it said nothing")[:300]
