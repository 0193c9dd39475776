"""How the conformance kit works with the store: a server of its own for all tests, a schema for each."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack

from shanyrak.testing import StoreHarness

SHARED = "SHANYRAK_TEST_POSTGRES"
"""Keywords of libpq for a server that is used in place of one that is started; processes of a test find theirs by it."""


def address() -> str:
    """The server of this run. Skips the test that asks, with the reason, where no PostgreSQL is installed."""
    if not os.environ.get(SHARED):
        from shanyrak_postgres.testing import running

        own = ExitStack()
        os.environ[SHARED] = own.enter_context(running()).address()
        atexit.register(own.close)
    return os.environ[SHARED]


class PostgresHarness(StoreHarness):
    """A schema for each folder."""

    def url(self) -> str:
        from shanyrak_postgres.server import schema_of

        rest = f"{address()} schema={schema_of(self.folder)}"
        if self.record.scheme == "postgres":
            return f"postgres:{rest}"
        from urllib.parse import urlencode

        return "postgresql://?" + urlencode(dict(word.split("=", 1) for word in rest.split()))

    def close(self) -> None:
        import psycopg
        from psycopg import sql

        from shanyrak_postgres.server import schema_of

        with psycopg.connect(address(), autocommit=True) as db:
            db.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema_of(self.folder))))
