"""Submissions a second, one by one and in a batch, and the time of a snapshot, on PostgreSQL beside SQLite in the same run.

    python plugins/postgres/tests/benchmarks/bench_postgres.py [--home FOLDER] [--many 20000] [--rounds 3]

Both are on the same disk (`--home`, default: the temporary folder), durable, and take turns. The server is on this machine, over a
socket. Of rounds the best counts. The ratio is PostgreSQL / SQLite of rates, and SQLite / PostgreSQL of times, so more is better.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from shanyrak.control.feed import Feed
from shanyrak.control.init import make
from shanyrak.control.site import Site
from shanyrak.journal.journal import Journal
from shanyrak_postgres.testing import running

SINGLE = 500


def site_in(folder: Path, store: str) -> Site:
    site, _ = make(folder, "1x2", "cpu", "local", store=store)
    site.add_project("bench", "university", "Benchmarks")
    site.add_grant("bench", 1_000_000, "cpu-hour")
    return site


def spec(number: int) -> dict[str, object]:
    return {"project": "bench", "command": ["train", "--seed", str(number)], "walltime": "1m", "cwd": "/"}


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def snapshot(site: Site) -> None:
    """All that a controller reads when it starts."""
    with site.journal.read() as rows:
        Feed(rows)


def bare_commit(journal: Journal) -> None:
    """The least that is durable: one row in a transaction of its own."""
    with journal.store.write() as rows:
        rows.run("INSERT INTO pulse VALUES ('bench', 1) ON CONFLICT (name) DO UPDATE SET value = pulse.value + 1")


def measure(site: Site, many: int) -> dict[str, float]:
    """Rates a second, and times in ms, of one round on one store."""
    found: dict[str, float] = {}
    bare = seconds(lambda: [bare_commit(site.journal) for _ in range(SINGLE)])
    found["durable transactions of one row"] = SINGLE / bare
    asked = [spec(number) for number in range(SINGLE)]
    found["submissions, one by one"] = SINGLE / seconds(lambda: [site.submit(one) for one in asked])
    asked = [spec(number) for number in range(many)]
    found[f"submissions, {many:,} in one batch"] = many / seconds(lambda: site.submit_many(asked))
    pending = len(site.ps(reasons=False))
    found["snapshot a 10,000 pending, ms"] = seconds(lambda: snapshot(site)) * 1e3 * 10_000 / pending
    found["version, asked for 1,000 times, ms"] = (
        seconds(lambda: [site.journal.store.version() for _ in range(1000)]) * 1e3
    )
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--home", default=tempfile.gettempdir())
    options.add_argument("--many", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    best: dict[str, dict[str, float]] = {"sqlite": {}, "postgres": {}}
    with (
        tempfile.TemporaryDirectory(prefix="shanyrak-bench-", dir=given.home) as name,
        running(home=given.home, settings={}) as server,
    ):
        version = server.execute("SHOW server_version")[0][0]
        print(f"python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, postgresql {version}, psycopg "
              f"{psycopg.__version__}, {platform.machine()}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
        for number in range(given.rounds):
            for kind, store in (("sqlite", "sqlite:journal.db"), ("postgres", server.url(f"bench{number}"))):
                site = site_in(Path(name) / f"{kind}{number}", store)
                for what, value in measure(site, given.many).items():
                    better = min if what.endswith("ms") else max
                    best[kind][what] = better(best[kind].get(what, value), value)
                site.close()
    print(f"{'':<44} {'PostgreSQL':>12} {'SQLite':>12} {'ratio':>7}")
    for what, ours in best["postgres"].items():
        bare = best["sqlite"][what]
        ratio = bare / ours if what.endswith("ms") else ours / bare
        print(f"{what:<44} {ours:>12,.1f} {bare:>12,.1f} {ratio:>7.2f}")


if __name__ == "__main__":
    main()
