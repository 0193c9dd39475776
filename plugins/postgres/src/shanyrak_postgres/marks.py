"""A mark for each commit: it tells everybody that something changed, and a writer that lost its connection whether it committed.

A ring of rows; the newest has the highest number. The row of a commit is written in its transaction.
"""

from __future__ import annotations

import secrets
from typing import Any

from shanyrak_postgres.connection import LOCKS, SESSION, Open, Server

RING = 256
_NEWEST = "(SELECT max(number) FROM shanyrak_commit)"


def make(db: Server) -> None:
    """The ring, unless it is there."""
    db.execute(
        "CREATE TABLE IF NOT EXISTS shanyrak_commit (slot BIGINT PRIMARY KEY, number BIGINT NOT NULL, mark TEXT NOT NULL)"
        " WITH (fillfactor = 50)"
    )
    db.execute(
        f"INSERT INTO shanyrak_commit SELECT n, 0, '' FROM generate_series(0, {RING - 1}) n ON CONFLICT DO NOTHING".encode()
    )


def there(db: Server, schema: str) -> bool:
    """Whether this schema is a store. An error of PostgreSQL where this user may not use it: then its names lead nowhere."""
    found = db.execute("SELECT to_regclass(quote_ident($1) || '.shanyrak_commit') IS NOT NULL", (schema,)).fetchone()
    return found == (True,)


def session(db: Server) -> str:
    """The name of the session that answers; empty where it was never named."""
    row = db.execute(f"SELECT {SESSION}".encode(), prepare=False).fetchone()
    return str(row[0] or "") if row else ""


def newest(now: Open) -> int:
    """The number of the last commit."""
    row = now.db.execute(f"SELECT {SESSION}, {_NEWEST}".encode()).fetchone()
    return _number(now, row)


def begin(now: Open) -> int:
    """Begin a transaction that writes alone; gives the number of the commit before it. One round trip.

    Each statement sees what was committed before it: the lock is held by then.
    """
    cursor = now.db.execute(
        f"BEGIN; SELECT pg_advisory_xact_lock({LOCKS}, {now.lock}); SELECT {SESSION}, {_NEWEST}".encode(), prepare=False
    )
    while cursor.nextset():
        pass
    return _number(now, cursor.fetchone())


def _number(now: Open, row: tuple[Any, ...] | None) -> int:
    session, number = row or ("", 0)
    now.check(session)
    return int(number or 0)


def fresh() -> str:
    """A mark that nobody else has."""
    return secrets.token_hex(12)


def commit(db: Server, mark: str) -> None:
    """Commit the transaction under this mark. One round trip."""
    update = f"UPDATE shanyrak_commit SET number = {_NEWEST} + 1, mark = '{mark}' WHERE slot = ({_NEWEST} + 1) % {RING}"
    db.execute(f"{update}; COMMIT".encode(), prepare=False)


def committed(now: Open, mark: str, before: int) -> bool | None:
    """Whether the transaction with this mark, begun after commit `before`, was committed; None: too long ago to tell.

    Waits for it to be over: it holds the lock as long as it lives.
    """
    number = begin(now)
    try:
        if now.db.execute("SELECT 1 FROM shanyrak_commit WHERE mark = $1", (mark,)).fetchone():
            return True
        return False if number - before < RING else None
    finally:
        now.db.execute("ROLLBACK", prepare=False)
