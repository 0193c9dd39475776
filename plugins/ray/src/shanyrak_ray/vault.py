"""The secrets of work that has not started yet: in this process's memory, given to who proves to know the key of its token."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from typing import Any

from shanyrak_ray.node import secrets

AT_ONCE = 64
"""Connections that are served at once: who opens more does not use up the controller's files."""
PATIENCE_S = 5.0
"""Seconds that a question may take to arrive."""
LONGEST = 4096
"""Bytes of a question."""


class Vault:
    """Listens from the first secret on, on the address of this machine by which the Ray head is reached."""

    def __init__(self, host: str, port: int) -> None:
        self._towards = (host, port)
        self._held: dict[str, tuple[bytes, dict[str, str]]] = {}
        self._server: _Server | None = None
        self._lock = threading.Lock()

    def put(self, token: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Hold the secrets of a token; what its node has to know to ask for them. OSError when nobody can be listened to."""
        with self._lock:
            if self._server is None:
                self._server = _Server(_own_address(*self._towards), self._answer)
                threading.Thread(
                    target=self._server.serve_forever, args=(0.1,), name="ray-secrets", daemon=True
                ).start()
            key = os.urandom(32)
            self._held[token] = (key, dict(values))
            host, port = self._server.server_address[:2]
            return {"host": host, "port": port, "key": key.hex()}

    def drop(self, token: str) -> None:
        """They were used, or never will be."""
        self._held.pop(token, None)

    def close(self) -> None:
        """Listen no more. Work that has not asked yet does not get its secrets from here."""
        with self._lock:
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None
            self._held.clear()

    def _answer(self, line: bytes) -> bytes:
        try:
            question = json.loads(line)
            key, values = self._held[question["token"]]
            return secrets.answer(key, question, values)
        except (ValueError, KeyError, TypeError, RecursionError):
            return b""


class _Server(socketserver.ThreadingTCPServer):
    """Anybody may connect: so few at once, each for a short time, and they learn nothing without the key of a token."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 2 * AT_ONCE

    def __init__(self, address: str, answer: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.answer = answer
        self.places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((address, 0), _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self.places.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        until, line = time.monotonic() + PATIENCE_S, b""
        try:
            while not line.endswith(b"\n") and len(line) < LONGEST:
                self.request.settimeout(max(0.001, until - time.monotonic()))
                if not (part := self.request.recv(LONGEST)):
                    return
                line += part
            assert isinstance(self.server, _Server)
            self.request.sendall(self.server.answer(line))
        except OSError:
            pass


def _own_address(host: str, port: int) -> str:
    """This machine's address on the way to the head."""
    kind = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(kind[0], socket.SOCK_DGRAM) as sock:
        sock.connect(kind[4])
        address: str = sock.getsockname()[0]
        return address
