"""How the conformance kit tries the engine: its keeper and its workers are killed and stopped."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import Engine, EngineRecord
from shanyrak.testing import EngineHarness
from shanyrak.testing.harness import eventually

from shanyrak_local import wire
from shanyrak_local.book import Reader
from shanyrak_local.engine import LocalEngine
from shanyrak_local.settings import Settings

QUICK = {"grace": 0.5, "timeout": 2.0}
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
"""The kernel counts on from here; root may set it."""


class Harness(EngineHarness):
    """What stands behind the engine is the keeper; a node that dies is one whose supervisor of work does."""

    def __init__(self, record: EngineRecord, plugin: str, folder: Path, settings: Settings | None = None) -> None:
        super().__init__(record, plugin, folder, (settings or Settings()).model_copy(update=QUICK))
        self._foreign: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        super().close()
        for process in self._foreign:
            process.kill()
            process.wait()

    def facility(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        pool, _ = super().facility()
        return pool, QUICK

    def kill_daemon(self, engine: Engine) -> None:
        os.kill(self._keeper(engine), signal.SIGKILL)

    def begin_daemon(self, engine: Engine) -> None:
        """The next call begins it."""

    def hang_daemon(self, engine: Engine) -> None:
        os.kill(self._keeper(engine), signal.SIGSTOP)

    def resume_daemon(self, engine: Engine) -> None:
        os.kill(self._keeper(engine), signal.SIGCONT)

    def kill_node(self, engine: Engine, token: str) -> str:
        os.kill(self._worker(engine, token), signal.SIGKILL)
        return ""

    def reuse(self, engine: Engine, token: str) -> Callable[[], bool]:
        """What kept the attempt is gone, too, and its pid is given to a process of ours."""
        if not os.access(LAST_PID, os.W_OK):
            pytest.skip("a pid that is given again: only root can try it, where the kernel lets a process ask for one")
        pid = self._worker(engine, token)
        os.kill(pid, signal.SIGKILL)

        def given() -> bool:
            for process in self._foreign:
                process.kill()
                process.wait()
            LAST_PID.write_text(str(pid - 1))
            self._foreign.append(subprocess.Popen(["/bin/sleep", "600"]))
            return self._foreign[-1].pid == pid

        eventually(given, f"the pid {pid} is given again")
        return lambda: self._foreign[-1].poll() is None

    @staticmethod
    def _worker(engine: Engine, token: str) -> int:
        """The pid of what keeps an attempt."""
        assert isinstance(engine, LocalEngine)
        return int(Reader(engine.folder).refresh().starts[token]["worker"][0])

    @staticmethod
    def _keeper(engine: Engine) -> int:
        """The keeper's pid, also when it does not answer."""
        assert isinstance(engine, LocalEngine)
        with wire.connect(engine.folder) as sock:
            pid, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)
