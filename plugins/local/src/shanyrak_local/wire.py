"""Messages between engine, keeper and workers: a length of four bytes, then JSON, over Unix sockets.

Secrets travel only here, in memory, never in an argument or a file.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

Message = dict[str, Any]
NAME = "keeper.sock"
VERSION = 1
"""Of this protocol; a keeper of another version is asked to leave when its work is done."""


def send(sock: socket.socket, message: Message) -> None:
    """Send one message on a blocking socket."""
    data = json.dumps(message, separators=(",", ":")).encode()
    sock.sendall(struct.pack("!I", len(data)) + data)


def receive(sock: socket.socket) -> Message | None:
    """One message from a blocking socket; None when the other side is gone."""
    head = _exactly(sock, 4)
    if head is None:
        return None
    body = _exactly(sock, struct.unpack("!I", head)[0])
    return None if body is None else json.loads(body)


def _exactly(sock: socket.socket, count: int) -> bytes | None:
    parts = []
    while count:
        try:
            part = sock.recv(min(count, 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


class Channel:
    """Messages on a non-blocking socket: `feed` what can be read, `push` what may have to wait."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._in = bytearray()
        self._out = bytearray()

    def feed(self) -> tuple[list[Message], bool]:
        """The whole messages that have arrived, and whether the other side still lives."""
        open_ = True
        while True:
            try:
                part = self.sock.recv(1 << 18)
            except BlockingIOError:
                break
            except OSError:
                open_ = False
                break
            if not part:
                open_ = False
                break
            self._in += part
            if len(part) < 1 << 18:
                break
        found = []
        while len(self._in) >= 4:
            (length,) = struct.unpack_from("!I", self._in)
            if len(self._in) < 4 + length:
                break
            found.append(json.loads(self._in[4 : 4 + length]))
            del self._in[: 4 + length]
        return found, open_

    def push(self, message: Message | None = None) -> bool:
        """Send a message and what waits. True: something still waits for the socket to be writable."""
        if message is not None:
            data = json.dumps(message, separators=(",", ":")).encode()
            self._out += struct.pack("!I", len(data)) + data
        while self._out:
            try:
                sent = self.sock.send(self._out)
            except BlockingIOError:
                return True
            except OSError:
                self._out.clear()
                return False
            del self._out[:sent]
        return False

    @property
    def waiting(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)


def listen(folder: Path) -> socket.socket:
    """The keeper's socket in its folder (which may have a longer path than a socket address may be)."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        (folder / NAME).unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(f"/proc/self/fd/{fd}/{NAME}")
    finally:
        os.close(fd)
    sock.listen(512)
    return sock


def connect(folder: Path) -> socket.socket:
    """A blocking connection to the keeper of a folder; `OSError` when there is none."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(f"/proc/self/fd/{fd}/{NAME}")
    except OSError:
        sock.close()
        raise
    finally:
        os.close(fd)
    return sock
