"""Logs of attempts: `logs/XX/TOKEN.stdout` and `.stderr`, made with the first byte; XX: hash of the token.

Each stream keeps its first `limit` bytes. What comes after is held in a ring of the last 64 KiB, and added with a
line that says how much was cut when the attempt ends. A log that cannot be written never stops the attempt.
"""

# ruff: noqa: PTH120
from __future__ import annotations

import os
import zlib

TAIL = 64 * 1024
PIECE = 1 << 20


def log_name(token: str, stream: str) -> str:
    """Path of a log within the folder `logs`."""
    return f"{zlib.crc32(token.encode()) & 0xFF:02x}/{token}.{stream}"


class Sink:
    """Moves what a pipe holds into one log file."""

    def __init__(self, folder_fd: int, name: str, limit: int) -> None:
        self._folder, self._name, self._room = folder_fd, name, limit
        self._fd = -1
        self._cut = 0
        self._tail = bytearray()

    def drain(self, pipe: int) -> None:
        """Take what the (non-blocking) pipe holds now: a bounded part, so that who writes for ever stops nothing."""
        for _ in range(16):
            try:
                if self._room and self._open():
                    try:
                        count = os.splice(pipe, self._fd, min(self._room, PIECE))
                    except BlockingIOError:
                        return
                    except OSError:
                        self._room = 0
                        continue
                    self._room -= count
                else:
                    data = os.read(pipe, PIECE)
                    count = len(data)
                    self._cut += count
                    self._tail += data
                    del self._tail[:-TAIL]
            except BlockingIOError:
                return
            if not count:
                return

    def _open(self) -> bool:
        if self._fd < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            try:
                try:
                    self._fd = os.open(self._name, flags, 0o600, dir_fd=self._folder)
                except FileNotFoundError:
                    try:
                        os.mkdir(os.path.dirname(self._name), 0o700, dir_fd=self._folder)
                    except FileExistsError:
                        pass
                    self._fd = os.open(self._name, flags, 0o600, dir_fd=self._folder)
                os.lseek(self._fd, 0, os.SEEK_END)
            except OSError:
                self._room = 0
                return False
        return True

    def first_line(self) -> str:
        """The start of what was written, up to 300 bytes of one line."""
        try:
            fd = os.open(self._name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
        except OSError:
            return ""
        with open(fd, "rb") as file:
            return file.readline(300).decode(errors="replace").strip()

    def close(self) -> None:
        """End the log: the last bytes of what was cut follow a line that says so."""
        if self._fd < 0:
            return
        if self._cut:
            lost = self._cut - len(self._tail)
            try:
                os.write(self._fd, f"\n[shanyrak: {lost} bytes of this log were not kept]\n".encode())
                os.write(self._fd, self._tail)
            except OSError:
                pass
        os.close(self._fd)
        self._fd = -1
