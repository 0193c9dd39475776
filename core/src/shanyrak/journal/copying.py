"""A journal copied from one store into another: all of it in one transaction, and every row compared."""

from __future__ import annotations

from shanyrak.errors import UnfitProblem
from shanyrak.journal.durable import appearing
from shanyrak.journal.journal import first_difference
from shanyrak.journal.schema import MIGRATIONS, TABLES, parts, raise_to, refuse_newer, schema_version
from shanyrak.journal.store import Row, Rows, Store


def copy(source: Rows, target: Rows) -> int:
    """Write every table of `source`, a journal of the newest schema, into `target`, which has no table yet.

    Gives how many rows there are. Raises UnfitProblem when a row does not read back as it was written, or holds a zero
    character, which stores need not keep and journals of earlier versions may have.
    """
    count = 0
    for version in range(1, len(MIGRATIONS) + 1):
        raise_to(target, version)
    target.run("DELETE FROM meta")
    for table in TABLES:
        for part in parts(source, table):
            if part:
                _refuse_zero(table, part)
                target.many(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(part[0]))})', part)
                count += len(part)
    for table in TABLES:
        if pair := first_difference(source, target, table):
            raise UnfitProblem(f"the copy of table {table}", f"it has {pair[1]} in place of {pair[0]}")
    return count


def _refuse_zero(table: str, part: list[Row]) -> None:
    for row in part:
        if any("\0" in value for value in row if isinstance(value, str)):
            raise UnfitProblem(
                f"table {table} of the journal, row {row[0]!r}",
                "it holds a zero character, which not every store keeps; nothing was copied",
                "leave this journal where it is",
            )


def sqlite_copy(store: Store, target: str) -> None:
    """`Store.backup` for any store: a SQLite file of one moment of it, under its name only when whole."""
    from shanyrak.journal.sqlite import SqliteStore

    refuse_other(store)
    with appearing(target) as part:
        made = SqliteStore(part, create=True)
        try:
            with store.read() as source, made.write() as rows:
                copy(source, rows)
            made.leave_wal()
        finally:
            made.close()


def refuse_other(store: Store) -> None:
    """Raise UnfitProblem for a journal that is not of this program's schema: its columns are not those of the copy."""
    version = schema_version(store)
    refuse_newer(store, version)
    if version != len(MIGRATIONS):
        raise UnfitProblem(
            f"the journal {store.url}",
            f"its schema is {version} and this program's {len(MIGRATIONS)}",
            "open its workspace once with this program, `shanyrak ps`, then copy",
        )
