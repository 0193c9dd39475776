"""How the conformance kit tries the engine: its keeper and its workers are killed and stopped."""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shanyrak.api import Engine, EngineRecord
from shanyrak.testing import EngineHarness

from shanyrak_local import wire
from shanyrak_local.book import Reader
from shanyrak_local.engine import LocalEngine
from shanyrak_local.settings import Settings

QUICK = {"grace": 0.5, "timeout": 2.0}


class Harness(EngineHarness):
    """What stands behind the engine is the keeper; a node that dies is one whose supervisor of work does."""

    def __init__(self, record: EngineRecord, plugin: str, folder: Path, settings: Settings | None = None) -> None:
        super().__init__(record, plugin, folder, (settings or Settings()).model_copy(update=QUICK))

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
        assert isinstance(engine, LocalEngine)
        os.kill(Reader(engine.folder).refresh().starts[token]["worker"][0], signal.SIGKILL)
        return ""

    @staticmethod
    def _keeper(engine: Engine) -> int:
        """The keeper's pid, also when it does not answer."""
        assert isinstance(engine, LocalEngine)
        with wire.connect(engine.folder) as sock:
            pid, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)
