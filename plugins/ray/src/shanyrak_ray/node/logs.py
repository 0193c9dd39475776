"""What a command prints, from its pipes into the spool: the first `limit` bytes of each stream."""

from __future__ import annotations

import os

from .files import write

PIECE = 1 << 16


class Sink:
    """Moves what a (non-blocking) pipe holds into one file. A log that cannot be written never stops the command."""

    def __init__(self, pipe: int, path: str, limit: int) -> None:
        self.pipe, self._path, self._room = pipe, path, limit
        self._fd = -1
        self._cut = 0

    def drain(self) -> None:
        """Take what is there now: a bounded part, so that who writes for ever stops nothing."""
        for _ in range(16):
            try:
                data = os.read(self.pipe, PIECE)
            except BlockingIOError:
                return
            if not data:
                return
            kept = data[: self._room]
            if kept and not self._put(kept):
                self._room, kept = 0, b""
            self._room -= len(kept)
            self._cut += len(data) - len(kept)

    def _put(self, data: bytes) -> bool:
        try:
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._fd = os.open(self._path, flags, 0o600)
            write(self._fd, data)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End the log with a line that says how much of it was not kept."""
        if self._cut:
            self._put(f"\n[shanyrak: {self._cut} bytes of this log were not kept]\n".encode())
        if self._fd >= 0:
            os.close(self._fd)
