"""PostgreSQL's errors as one line for a person. What is a defect of ours stays what it is."""

from __future__ import annotations

import psycopg
from shanyrak.api import Busy, Damaged, Problem, UnfitProblem

_RESTORE = "see `shanyrak verify`, and restore a backup with `shanyrak restore`"
_AGAIN = "see that the server runs and can be reached, then try again"

_UNREACHED = (
    ("password authentication failed", "the server refuses the password",
     "put the right one into ~/.pgpass or the file that [plugins.postgres] password_file names"),
    ("no password supplied", "the server asks for a password, and there is none",
     "put it into ~/.pgpass or a file that [plugins.postgres] password_file names"),
    ("authentication failed", "the server does not let this user in", "see `user` in [accounts] store, and pg_hba.conf"),
    ("no pg_hba.conf entry", "the server lets nobody in from here", "see pg_hba.conf of the server"),
    ("permission denied for database", "this user may not enter the database", "GRANT CONNECT ON DATABASE to it"),
    ("is not permitted to log in", "this user may not log in", "ALTER ROLE ... LOGIN"),
    ("connections for role", "the user has no connection left", "ALTER ROLE ... CONNECTION LIMIT, or try again"),
    ("connections for database", "the database has no connection left", "ALTER DATABASE ... CONNECTION LIMIT, or try again"),
    ("not currently accepting", "the database takes no connections", "ALTER DATABASE ... ALLOW_CONNECTIONS true"),
    ("too many", "the server has no connection left", "raise max_connections, or try again"),
    ("connection slots", "the server has no connection left", "raise max_connections, or try again"),
    ("starting up", "the server is starting", "try again"),
    ("shutting down", "the server is shutting down", "start it, then try again"),
    ("recovery mode", "the server is recovering from a crash", "try again"),
)  # fmt: skip
"""A connection that is not made has no code, only words: part of them, what they mean, what to do."""


_GONE = ("57P01", "57P02", "57P03", "57P05", "25P03")
"""Codes of a server that ends a connection: a shutdown, a crash, a limit on idle ones."""


class Lost(UnfitProblem):
    """The connection went away in the middle of a transaction."""


def is_loss(error: BaseException) -> bool:
    """Whether the server said with this error that the connection is over."""
    code = error.sqlstate or "" if isinstance(error, psycopg.Error) else ""
    return code in _GONE or code.startswith("08")


def unreached(url: str, error: psycopg.Error) -> Problem:
    """Why no connection was made."""
    said = words(error)
    what = f"the journal {url}"
    if "database" in said and "does not exist" in said:
        return UnfitProblem(what, "there is no such database", "make it with `createdb`, or correct [accounts] store")
    if "role" in said and "does not exist" in said:
        return UnfitProblem(what, "there is no such user", "make it with `createuser`, or correct [accounts] store")
    for part, why, fix in _UNREACHED:
        if part in said:
            return UnfitProblem(what, why, fix)
    return UnfitProblem(what, f"the server cannot be reached ({said})", _AGAIN)


def lost(url: str, error: psycopg.Error, written: str = "nothing was written") -> Lost:
    """The connection is gone."""
    return Lost(f"the journal {url}", f"the connection was lost ({words(error)}); {written}", _AGAIN)


def explained(error: psycopg.Error, url: str, waited_s: float) -> Problem | psycopg.Error:
    """What a person can do about an error of a statement."""
    code, what = error.sqlstate or "", f"the journal {url}"
    if is_loss(error):
        return lost(url, error)
    if code in ("55P03", "40P01"):
        return Busy(url, waited_s)
    if code == "53100":
        why = "the server's disk is full; nothing was written"
        return UnfitProblem(what, why, "free space on that file system and try again")
    if code.startswith("53"):
        why = f"the server lacks what it needs ({words(error)}); nothing was written"
        return UnfitProblem(what, why, "see the server, then try again")
    if code == "57014":
        return UnfitProblem(what, f"the server cancelled it ({words(error)}); nothing was written", "try again")
    if code.startswith("58"):
        why = f"the server's file system failed ({words(error)}); nothing was written"
        return UnfitProblem(what, why, "see that its disk has room and is healthy, then try again")
    if code == "42501":
        return UnfitProblem(
            what, f"this user may not do that ({words(error)})", "give it the schema with all its tables"
        )
    if code == "25006":
        return UnfitProblem(what, "the server only reads (a standby?)", "name the primary in [accounts] store")
    if code.startswith("XX") or code == "58P01":
        return Damaged(what, f"the server says that it is damaged ({words(error)})", _RESTORE)
    if code.startswith("23"):
        why = f"what is in it contradicts itself ({words(error)}); nothing was written"
        return Damaged(what, why, _RESTORE)
    return error


def words(error: psycopg.Error) -> str:
    """The first line of what the server, or libpq, said."""
    said = error.diag.message_primary or next(iter(str(error).splitlines()), "") or type(error).__name__
    return said.removeprefix("connection failed: ").removeprefix("connection is bad: ").strip().rstrip(".")
