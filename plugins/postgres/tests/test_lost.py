"""The connection goes away: between transactions nobody notices, within one nothing is written, at a commit the server is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import Problem, UnfitProblem
from shanyrak_postgres import marks
from shanyrak_postgres import store as module
from shanyrak_postgres.problems import Lost
from shanyrak_postgres.server import Server

INSERT = "INSERT INTO setting VALUES (?, '1')"


class Wire:
    """Between a client and the server: it can be cut when the client commits, before or after the server hears of it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder, self.port = folder, server.port
        self._to = str(server.folder / f".s.PGSQL.{server.port}")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{server.port}"))
        self._listener.listen()
        self.cut = ""
        """`before` or `after` the server hears of the next commit; `for good`: after it, and nobody gets through any more."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Closing alone would leave a thread in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._to)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while part := client.recv(1 << 16):
                if self.cut and b"; COMMIT" in part:
                    when, self.cut = self.cut, ""
                    if when == "for good":
                        self.close()
                    client.shutdown(socket.SHUT_RDWR)  # it hears nothing from here on
                    if when != "before":
                        server.sendall(part)
                    break
                server.sendall(part)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)  # it does what it was told, then sees the end

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while not self.cut and (part := server.recv(1 << 16)):
                client.sendall(part)
        if not self.cut:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    folder = server.folder / "wire"
    folder.mkdir(exist_ok=True)
    made = Wire(server, folder)
    yield made
    made.close()
    (folder / f".s.PGSQL.{server.port}").unlink(missing_ok=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """What the server said when it was asked whether it had committed."""
    said: list[bool | None] = []
    real = marks.committed

    def spy(*arguments: Any) -> bool | None:
        said.append(real(*arguments))
        return said[-1]

    monkeypatch.setattr(marks, "committed", spy)
    return said


def break_off(server: Server) -> None:
    """End every connection of a store, as an operator or a failover does."""
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shanyrak'")


def test_between_transactions_nobody_notices(server: Server, store, names, put) -> None:
    put(store, "a")
    break_off(server)
    put(store, "b")
    break_off(server)
    assert names(store) == {"a", "b"}
    break_off(server)
    assert store.version() == store.version()
    break_off(server)
    assert "setting" in store.tables()


@pytest.mark.parametrize("how", ["terminated", "stopped", "killed"])
def test_in_the_middle_nothing_is_written(server: Server, store, names, put, how: str) -> None:
    put(store, "a")
    with pytest.raises(Lost) as raised, store.write() as rows:
        rows.run(INSERT, ("b",))
        {"terminated": lambda: break_off(server), "stopped": server.stop, "killed": server.kill}[how]()
        rows.run(INSERT, ("c",))
    assert "the connection was lost" in str(raised.value) and "nothing was written" in str(raised.value)
    assert "\n" not in str(raised.value)
    if how != "terminated":
        with pytest.raises(UnfitProblem, match="the server cannot be reached"):
            put(store, "d")
        with pytest.raises(UnfitProblem, match="the server cannot be reached"):
            store.version()
        server.start()
    assert names(store) == {"a"}
    put(store, "e")
    assert names(store) == {"a", "e"}


def test_a_reader_is_told_too(server: Server, store, put) -> None:
    put(store, "a")
    with pytest.raises(Lost), store.read() as rows:
        rows.all("SELECT * FROM setting")
        break_off(server)
        rows.all("SELECT * FROM setting")
    with store.read() as rows:
        assert rows.all("SELECT name FROM setting") == [("a",)]


def test_a_writer_that_is_gone_holds_nothing_up(server: Server, store, open_store, names, put) -> None:
    other = open_store(wait_s=30.0)
    with pytest.raises(Lost), store.write() as rows:
        rows.run(INSERT, ("a",))
        break_off(server)
        put(other, "b")
        rows.run(INSERT, ("c",))
    assert names(store) == {"b"}


def test_lost_at_the_commit_before_the_server_heard_of_it(
    wire: Wire, server: Server, store, open_store, schema, names, asked
) -> None:
    far = open_store(server.url(schema, host=str(wire.folder)))
    with pytest.raises(Lost, match="nothing was written"), far.write() as rows:
        rows.run(INSERT, ("a",))
        wire.cut = "before"
    assert asked == [False]
    assert names(store) == names(far) == set()


def test_lost_at_the_commit_after_the_server_heard_of_it(
    wire: Wire, server: Server, store, open_store, schema, names, asked
) -> None:
    """It is committed, and that is what the caller gets to know: no error, nothing to repeat."""
    far = open_store(server.url(schema, host=str(wire.folder)))
    with far.write() as rows:
        rows.run(INSERT, ("a",))
        wire.cut = "after"
    assert asked == [True]
    assert names(store) == names(far) == {"a"}


def test_when_nobody_can_be_asked_it_says_so(
    wire: Wire, server: Server, store, open_store, schema, monkeypatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    far = open_store(server.url(schema, host=str(wire.folder)), wait_s=0.5)
    with pytest.raises(Problem) as raised, far.write() as rows:
        rows.run(INSERT, ("a",))
        wire.cut = "for good"
    assert "whether it was written cannot be told" in str(raised.value)
    assert "nothing was written" not in str(raised.value)


def test_too_many_commits_later_it_cannot_be_told(
    wire: Wire, server: Server, store, open_store, schema, put, monkeypatch
) -> None:
    """The marks of commits are kept for a while, not for ever."""
    far = open_store(server.url(schema, host=str(wire.folder)), wait_s=20.0)
    asked = marks.committed

    def late(*arguments):
        for number in range(marks.RING + 1):
            put(store, f"n{number}")
        return asked(*arguments)

    monkeypatch.setattr(marks, "committed", late)
    with pytest.raises(Problem, match="cannot be told"), far.write() as rows:
        rows.run(INSERT, ("a",))
        wire.cut = "after"
