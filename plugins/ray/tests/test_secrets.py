"""The socket that secrets are asked over: anybody may connect to it, and anybody may answer in its place."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from shanyrak_ray.node import secrets
from shanyrak_ray.vault import AT_ONCE, Vault


def asked(where: dict, line: bytes) -> bytes:
    """What the vault answers to a line."""
    with socket.create_connection((where["host"], where["port"]), 10) as sock:
        sock.sendall(line + b"\n")
        return sock.makefile("rb").readline()


def test_who_does_not_know_the_key_learns_nothing(capfd):
    vault = Vault("127.0.0.1", 1)
    try:
        where = vault.put("t1", {"S": "s3cret"})
        good = {"token": "t1", "nonce": "n", "proof": secrets.prove(bytes.fromhex(where["key"]), "ask", "t1", "n")}
        for wrong in (
            b"", b"GET / HTTP/1.0", b"[" * 4000, b"[]", b"null", b"{}", b"\xff\xfe",
            json.dumps({**good, "token": ["t1"]}).encode(), json.dumps({**good, "token": "t2"}).encode(),
            json.dumps({**good, "nonce": "m"}).encode(), json.dumps({**good, "proof": "\u00e9"}).encode(),
            json.dumps({**good, "proof": None}).encode(),
        ):  # fmt: skip
            assert asked(where, wrong) == b"", wrong
        assert secrets.ask(where, "t1", 10.0) == {"S": "s3cret"}
        assert secrets.ask({**where, "key": "00" * 32}, "t1", 10.0) is None
        assert "Traceback" not in capfd.readouterr().err
    finally:
        vault.close()


def test_who_holds_many_connections_holds_up_neither_the_controller_nor_for_long(monkeypatch):
    monkeypatch.setattr("shanyrak_ray.vault.PATIENCE_S", 0.5)
    vault = Vault("127.0.0.1", 1)
    held = []
    try:
        where = vault.put("t1", {"S": "s3cret"})
        files = len(list(Path("/proc/self/fd").iterdir()))
        held = [socket.create_connection((where["host"], where["port"]), 10) for _ in range(2 * AT_ONCE)]
        until = time.monotonic() + 60
        found = None
        while found is None:
            assert time.monotonic() < until, "it never answers again"
            try:
                found = secrets.ask(where, "t1", 5.0)
            except OSError:
                continue
        assert found == {"S": "s3cret"}
        assert len(list(Path("/proc/self/fd").iterdir())) <= files + len(held) + AT_ONCE + 4
    finally:
        for sock in held:
            sock.close()
        vault.close()


@pytest.mark.parametrize(
    "line",
    [b"<html>\n", b"[]\n", b"{}\n", b"[" * 5000 + b"\n", b'{"nonce": "a", "sealed": "b", "proof": "\xc3\xa9"}\n'],
)
def test_another_that_answers_for_the_controller_is_not_believed(line):
    """Its port may be anybody's after it has gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            sock, _ = server.accept()
            with sock:
                sock.recv(4096)
                sock.sendall(line)

        threading.Thread(target=answer, daemon=True).start()
        where = {"host": "127.0.0.1", "port": server.getsockname()[1], "key": "11" * 32}
        with pytest.raises(ValueError, match="another answers in its place"):
            secrets.ask(where, "t1", 10.0)
