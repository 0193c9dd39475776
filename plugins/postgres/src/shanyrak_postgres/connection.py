"""One connection to a site's schema, as the journal needs it."""

from __future__ import annotations

import ctypes
import secrets
from typing import Any, NamedTuple

import psycopg
from psycopg import RawCursor, sql
from psycopg.adapt import Dumper, Loader
from psycopg.types.numeric import Int8Dumper
from shanyrak.api import UnfitProblem

from shanyrak_postgres.place import Place
from shanyrak_postgres.problems import explained, lost, unreached

LOCKS = 0x5368796E
"""The first number of the advisory locks; the second is the schema's. Whoever writes holds its schema's."""
OLDEST = 12
"""What statements and settings of this plugin need."""

SESSION = "current_setting('shanyrak.session', true)"
"""What a transaction asks for first, in the round trip that begins it."""
_NO_LIMITS = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN"
    " ('idle_in_transaction_session_timeout', 'transaction_timeout')"
)
"""Limits for what people do by hand: a journal is copied in one transaction. Some are not in each version."""

Server = psycopg.Connection[tuple[Any, ...]]


class Open(NamedTuple):
    """`lock` is the number of the schema's advisory lock; `session` names the session that has our settings."""

    db: Server
    lock: int
    session: str

    def check(self, session: str) -> None:
        """Raise UnfitProblem when `SESSION` gave another one: the settings, and the schema with them, are somebody else's."""
        if session != self.session:
            raise UnfitProblem(
                "the journal in PostgreSQL",
                "a pooler between here and the server does not keep this session together; nothing was written",
                "let it keep sessions (pool_mode = session), or name the server itself in [accounts] store",
            )


class _Whole(Loader):
    """A sum of whole numbers, which PostgreSQL gives as `numeric`."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


class _Flag(Dumper):
    """`True` is stored as 1."""

    oid = psycopg.postgres.types["int8"].oid

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


def connect(place: Place, password: str, timeout_s: int, wait_s: float) -> Open:
    """Reach the schema, which is there. Raises a Problem that says what to do.

    Both sides find out within half a minute that the other is gone, so that a dead writer's lock does not stay.
    """
    given: dict[str, Any] = {
        "connect_timeout": timeout_s, "application_name": "shanyrak", "keepalives_idle": 10, "keepalives_interval": 5,
        "keepalives_count": 3, "tcp_user_timeout": 25_000, "client_encoding": "UTF8", **place.options,
    }  # fmt: skip
    if password:
        given["password"] = password
    try:
        db: Server = psycopg.connect(autocommit=True, cursor_factory=RawCursor, **given)
    except psycopg.OperationalError as error:
        raise unreached(place.url, error) from None
    try:
        return _prepare(db, place, wait_s)
    except psycopg.Error as error:
        gone = db.closed
        db.close()
        raise (lost(place.url, error) if gone else explained(error, place.url, wait_s)) from error
    except BaseException:
        db.close()
        raise


def make_schema(db: Server, place: Place) -> None:
    """The schema, unless it is there."""
    if db.execute("SELECT to_regnamespace($1) IS NULL", (place.schema,)).fetchone() == (True,):
        with db.transaction():
            db.execute(f"SELECT pg_advisory_xact_lock({LOCKS}, 0)".encode())
            db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(place.schema)))


def _prepare(db: Server, place: Place, wait_s: float) -> Open:
    """Types, session settings, and what must be so."""
    db.adapters.register_dumper(int, Int8Dumper)  # one type for all: one prepared statement for each text
    db.adapters.register_dumper(bool, _Flag)
    db.adapters.register_loader("numeric", _Whole)
    db.prepare_threshold = 2
    wait_ms = max(round(wait_s * 1000), 1)  # 0 is for ever
    session = secrets.token_hex(8)
    db.execute(
        sql.SQL(
            "SET statement_timeout = 0; SET search_path TO {}; SET lock_timeout = {}; SET shanyrak.session = {};"
            " SET standard_conforming_strings = on;"
            " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
        ).format(sql.Identifier(place.schema), sql.Literal(wait_ms), sql.Literal(session))
    )
    db.execute(_NO_LIMITS)
    found = db.execute(
        "SELECT current_setting('server_encoding'), current_setting('server_version_num')::int / 10000,"
        " current_setting('synchronous_commit')"
    ).fetchone()
    assert found is not None
    encoding, version, durable = found
    what = f"the journal {place.url}"
    if encoding != "UTF8":
        raise UnfitProblem(
            what, f"the database holds text as {encoding}", "make one with `createdb --encoding UTF8 -T template0`"
        )
    if version < OLDEST:
        raise UnfitProblem(what, f"PostgreSQL {version} is too old", f"use {OLDEST} or newer")
    if durable == "off":
        db.execute("SET synchronous_commit = on")  # what was acknowledged is durable
    return Open(db, place_lock(db, place), session)


def place_lock(db: Server, place: Place) -> int:
    """The number of the schema's lock; 0 when there is no such schema."""
    row = db.execute("SELECT COALESCE(to_regnamespace($1)::oid::bigint, 0)", (place.schema,)).fetchone()
    assert row is not None
    return ctypes.c_int32(row[0]).value
