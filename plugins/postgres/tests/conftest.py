"""One real server for all tests, a schema for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import StoreContext
from shanyrak.journal.schema import migrate
from shanyrak_postgres import testing
from shanyrak_postgres.server import Server, schema_of
from shanyrak_postgres.settings import Settings
from shanyrak_postgres.store import PostgresStore

lone, server = testing.lone, testing.server


@pytest.fixture
def schema(request: pytest.FixtureRequest) -> str:
    return schema_of(request.node.nodeid)


@pytest.fixture
def open_store(server: Server, schema: str, tmp_path: Path) -> Iterator[Callable[..., PostgresStore]]:
    """One more connection to the schema of this test, or to another URL; all are closed at the end."""
    made: list[PostgresStore] = []

    def open_(url: str = "", *, create: bool = False, wait_s: float = 20.0, **settings: Any) -> PostgresStore:
        context = StoreContext(url or server.url(schema), str(tmp_path), Settings(**settings), create, wait_s)
        made.append(PostgresStore(context))
        return made[-1]

    yield open_
    for store in made:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., PostgresStore]) -> PostgresStore:
    """A new journal, without an event."""
    made = open_store(create=True)
    migrate(made)
    return made


INSERT = "INSERT INTO setting VALUES (?, '1')"


def settings(store: PostgresStore) -> set[str]:
    """The names of the settings that are there."""
    with store.read() as rows:
        return {name for (name,) in rows.all("SELECT name FROM setting")}


@pytest.fixture
def put() -> Callable[[PostgresStore, str], None]:
    """Write one setting in a transaction of its own."""

    def write(store: PostgresStore, name: str) -> None:
        with store.write() as rows:
            rows.run(INSERT, (name,))

    return write


@pytest.fixture
def names() -> Callable[[PostgresStore], set[str]]:
    return settings
