"""The tables, as numbered additive migrations. Everything but `event`, `meta` and `pulse` is a fold of the events."""

from __future__ import annotations

from collections.abc import Iterator

from shanyrak.errors import UnfitProblem
from shanyrak.journal.store import Row, Rows, Store

_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, time BIGINT NOT NULL, actor TEXT NOT NULL, type TEXT NOT NULL,"
        " subject TEXT NOT NULL, payload TEXT NOT NULL, hash TEXT NOT NULL)",
        "CREATE INDEX event_decision ON event (seq) WHERE type = 'decision.made'",
        "CREATE INDEX event_promise ON event (subject, seq) WHERE type IN ('promise.given', 'promise.moved')",
        _META,
        # The controller's heartbeat and the observers' cursors: not facts about the site, so not folded.
        "CREATE TABLE pulse (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
        "CREATE TABLE lease (id INTEGER PRIMARY KEY, epoch BIGINT NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL,"
        " pid BIGINT NOT NULL, started TEXT NOT NULL, held INTEGER NOT NULL)",
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE pool (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, engine TEXT NOT NULL, unit TEXT NOT NULL,"
        " nodes BIGINT NOT NULL, units BIGINT NOT NULL, cpus BIGINT NOT NULL, memory BIGINT NOT NULL,"
        " present INTEGER NOT NULL)",
        "CREATE TABLE node (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, pool INTEGER NOT NULL,"
        " units BIGINT NOT NULL, reported BIGINT NOT NULL, present INTEGER NOT NULL, up INTEGER NOT NULL,"
        " drained INTEGER NOT NULL, reason TEXT NOT NULL)",
        "CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent BIGINT NOT NULL,"
        " weight BIGINT NOT NULL, floor BIGINT NOT NULL, cap BIGINT NOT NULL)",
        "CREATE TABLE project (id TEXT PRIMARY KEY, sector TEXT NOT NULL, org TEXT NOT NULL, account INTEGER NOT NULL,"
        " paused INTEGER NOT NULL, created BIGINT NOT NULL)",
        "CREATE TABLE credit (id INTEGER PRIMARY KEY, project TEXT NOT NULL, unit TEXT NOT NULL, programme TEXT NOT NULL,"
        " start BIGINT NOT NULL, until BIGINT NOT NULL, state TEXT NOT NULL)",
        "CREATE INDEX credit_project ON credit (project)",
        # `pot` is pool, left, held or used; a pool's number is 0, a grant's its id.
        "CREATE TABLE entry (seq BIGINT NOT NULL, line INTEGER NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,"
        " credit BIGINT NOT NULL, unit TEXT NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (seq, line))",
        "CREATE TABLE balance (pot TEXT NOT NULL, credit BIGINT NOT NULL, unit TEXT NOT NULL, amount BIGINT NOT NULL,"
        " PRIMARY KEY (credit, pot, unit))",
        "CREATE TABLE charge (token TEXT NOT NULL, part INTEGER NOT NULL, units BIGINT NOT NULL, started BIGINT NOT NULL,"
        " ended BIGINT NOT NULL, ms BIGINT NOT NULL, amount BIGINT NOT NULL, rate TEXT NOT NULL,"
        " PRIMARY KEY (token, part))",
        "CREATE TABLE workload (id INTEGER PRIMARY KEY, project TEXT NOT NULL, account INTEGER NOT NULL, key TEXT,"
        " actor TEXT NOT NULL, seq BIGINT NOT NULL, title TEXT NOT NULL, pool INTEGER NOT NULL, width BIGINT NOT NULL,"
        " units BIGINT NOT NULL, tasks BIGINT NOT NULL, at_once BIGINT NOT NULL, walltime BIGINT NOT NULL,"
        " term BIGINT NOT NULL, tries INTEGER NOT NULL, unfenced INTEGER NOT NULL,"
        " state TEXT NOT NULL, reason TEXT NOT NULL, words TEXT NOT NULL,"
        " held INTEGER NOT NULL, waits INTEGER NOT NULL, backoff BIGINT NOT NULL, next BIGINT NOT NULL,"
        " again TEXT NOT NULL, live BIGINT NOT NULL, done BIGINT NOT NULL, failed BIGINT NOT NULL, lost BIGINT NOT NULL,"
        " dropped BIGINT NOT NULL,"
        " stopping TEXT NOT NULL, submitted BIGINT NOT NULL, queued BIGINT NOT NULL, started BIGINT NOT NULL,"
        " ended BIGINT NOT NULL, exit_code BIGINT, spell BIGINT NOT NULL, promised BIGINT NOT NULL)",
        "CREATE UNIQUE INDEX workload_key ON workload (project, key) WHERE key IS NOT NULL",
        "CREATE INDEX workload_open ON workload (id) WHERE ended = 0",
        "CREATE INDEX workload_term ON workload (term) WHERE ended = 0 AND term != 0",
        "CREATE INDEX workload_backoff ON workload (backoff) WHERE ended = 0 AND backoff != 0",
        "CREATE INDEX workload_promised ON workload (promised) WHERE ended = 0 AND promised != 0",
        "CREATE TABLE dependency (after BIGINT NOT NULL, workload BIGINT NOT NULL, PRIMARY KEY (after, workload))",
        "CREATE TABLE attempt (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, workload BIGINT NOT NULL,"
        " task BIGINT NOT NULL, try INTEGER NOT NULL, nodes TEXT NOT NULL, bundle TEXT NOT NULL, intent BIGINT NOT NULL,"
        " walltime BIGINT NOT NULL, launched BIGINT NOT NULL, started BIGINT NOT NULL, ended BIGINT NOT NULL,"
        " ran BIGINT NOT NULL, handle TEXT NOT NULL, unknown_since BIGINT NOT NULL, exit_code BIGINT,"
        " signal INTEGER NOT NULL, cause TEXT NOT NULL, words TEXT NOT NULL, isolation TEXT NOT NULL,"
        " stop TEXT NOT NULL, open INTEGER NOT NULL)",
        "CREATE INDEX attempt_open ON attempt (id) WHERE open = 1",
        "CREATE INDEX attempt_workload ON attempt (workload, task)",
        "CREATE TABLE hold (token TEXT NOT NULL, line INTEGER NOT NULL, credit BIGINT NOT NULL, amount BIGINT NOT NULL,"
        " PRIMARY KEY (token, line))",
        "CREATE TABLE promise (workload BIGINT NOT NULL, spell BIGINT NOT NULL, given BIGINT NOT NULL, at BIGINT NOT NULL,"
        " first BIGINT NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL, ended BIGINT NOT NULL,"
        " PRIMARY KEY (workload, spell))",
        'CREATE TABLE "window" (id INTEGER PRIMARY KEY, nodes TEXT NOT NULL, start BIGINT NOT NULL, until BIGINT NOT NULL,'
        " reason TEXT NOT NULL, present INTEGER NOT NULL)",
    ),
    (
        "CREATE INDEX event_policy ON event (seq) WHERE type = 'policy.activated'",
        # `number` is the rank; the numbers of work follow the names when the order changes.
        "CREATE TABLE class (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, promise TEXT NOT NULL)",
        "ALTER TABLE workload ADD COLUMN class INTEGER NOT NULL DEFAULT 0",
        # Past use of the account itself, in unit-ms decayed to `settled_at`.
        "ALTER TABLE account ADD COLUMN settled BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE account ADD COLUMN settled_at BIGINT NOT NULL DEFAULT 0",
        # How many of its live attempts are being stopped for other work.
        "ALTER TABLE workload ADD COLUMN leaving BIGINT NOT NULL DEFAULT 0",
        # How long (ms) each attempt of it runs before it may be stopped for other work.
        "ALTER TABLE workload ADD COLUMN safe BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE attempt ADD COLUMN class INTEGER NOT NULL DEFAULT 0",
        # When it may be stopped for other work (0: at any time), and with which claim: one above the guard.
        "ALTER TABLE attempt ADD COLUMN safe BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE attempt ADD COLUMN guard BIGINT NOT NULL DEFAULT 0",
        # The workload that it is, or was, stopped for (0: none), with which claim.
        "ALTER TABLE attempt ADD COLUMN stop_for BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE attempt ADD COLUMN claim BIGINT NOT NULL DEFAULT 0",
    ),
    (
        # What meters said of each attempt that ended, beside the account; `method` is none where they said nothing.
        "CREATE TABLE reading (meter TEXT NOT NULL, token TEXT NOT NULL, plugin TEXT NOT NULL, project TEXT NOT NULL,"
        " unit TEXT NOT NULL, amount BIGINT NOT NULL, method TEXT NOT NULL, covered BIGINT NOT NULL, ran BIGINT NOT NULL,"
        " words TEXT NOT NULL, PRIMARY KEY (meter, token))",
    ),
    (
        # Work that ran here outside of Shanyrak and was brought in when it had ended; `units` are those of all its nodes.
        "CREATE TABLE imported (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, source TEXT NOT NULL,"
        " label TEXT NOT NULL, project TEXT NOT NULL, account INTEGER NOT NULL, pool INTEGER NOT NULL,"
        " width BIGINT NOT NULL, units BIGINT NOT NULL, submitted BIGINT NOT NULL, started BIGINT NOT NULL,"
        " ended BIGINT NOT NULL, ran BIGINT NOT NULL, walltime BIGINT NOT NULL, person TEXT NOT NULL, title TEXT NOT NULL,"
        " state TEXT NOT NULL)",
    ),
    (
        # Who left stays known, so that what was opened for them elsewhere can be closed.
        "CREATE TABLE member (project TEXT NOT NULL, person TEXT NOT NULL, present INTEGER NOT NULL,"
        " PRIMARY KEY (project, person))",
    ),
)

FOLDED: dict[str, tuple[str, ...]] = {
    "lease": ("id",),
    "setting": ("name",),
    "pool": ("id",),
    "node": ("id",),
    "account": ("id",),
    "class": ("number",),
    "project": ("id",),
    "member": ("project", "person"),
    "credit": ("id",),
    "entry": ("seq", "line"),
    "balance": ("credit", "pot", "unit"),
    "charge": ("token", "part"),
    "workload": ("id",),
    "dependency": ("after", "workload"),
    "attempt": ("id",),
    "hold": ("token", "line"),
    "promise": ("workload", "spell"),
    "window": ("id",),
    "reading": ("meter", "token"),
    "imported": ("id",),
}
"""The tables that `fold(events)` gives again, with their primary keys."""

TABLES = {"event": ("seq",), "meta": ("name",), "pulse": ("name",), **FOLDED}
"""Every table, with its primary key."""

PART = 10_000
"""Rows of a table that are held at once: a journal may be larger than memory."""


def migrate(store: Store) -> None:
    """Bring the store to the newest schema, each migration in its own transaction; a newer one is refused."""
    version = schema_version(store)
    refuse_newer(store, version)
    while version < len(MIGRATIONS):
        with store.write() as rows:
            rows.run(_META)
            if _version(rows) == version:  # another process may have been faster
                raise_to(rows, version + 1)
        version = schema_version(store)


def refuse_newer(store: Store, version: int) -> None:
    """Raise UnfitProblem for a schema of a program that came after this one."""
    if version > len(MIGRATIONS):
        raise UnfitProblem(
            f"the journal {store.url}",
            f"its schema {version} is newer than this program's {len(MIGRATIONS)}",
            "upgrade shanyrak",
        )


def raise_to(rows: Rows, version: int) -> None:
    """Take the schema one migration further, to `version`."""
    for statement in MIGRATIONS[version - 1]:
        rows.run(statement)
    rows.run(
        "INSERT INTO meta VALUES ('schema', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (str(version),)
    )


def schema_version(store: Store) -> int:
    """How many migrations the store has seen; 0 for an empty one."""
    if "meta" not in store.tables():
        return 0
    with store.read() as rows:
        return _version(rows)


def _version(rows: Rows) -> int:
    found = rows.one("SELECT value FROM meta WHERE name = 'schema'")
    return int(found[0]) if found else 0


def parts(rows: Rows, table: str) -> Iterator[list[Row]]:
    """All rows of a table in the order of its key, so many at once; the last part is the one that is not full."""
    key = TABLES[table]
    names, marks = ", ".join(key), ", ".join("?" * len(key))
    last: Row = ()
    while True:
        after = f" WHERE ({names}) > ({marks})" if last else ""
        part = rows.all(f'SELECT {names}, t.* FROM "{table}" t{after} ORDER BY {names} LIMIT {PART}', last)
        yield [row[len(key) :] for row in part]
        if len(part) < PART:
            return
        last = part[-1][: len(key)]
