"""Submissions a second and jobs a second through a whole site, each beside a bare baseline in the same run.

    python tests/benchmarks/bench_site.py [--jobs 1000] [--slots 16]

Durable: every figure but the batched ones commits (fsync) before it counts. The ratio is ours / baseline.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shanyrak.control.init import make
from shanyrak.control.site import Site


def rate(number: int, work: Callable[[], object]) -> float:
    """How many a second."""
    begun = time.perf_counter()
    work()
    return number / (time.perf_counter() - begun)


def line(name: str, ours: float, baseline: str, bare: float) -> None:
    print(f"{name:<46} {ours:>10,.0f}/s   {baseline:<34} {bare:>10,.0f}/s   ratio {ours / bare:.2f}")


def site_in(folder: Path, slots: int) -> Site:
    site, _ = make(folder, f"1x{slots}", "cpu", "local")
    site.add_project("bench", "university", "Benchmarks")
    site.add_grant("bench", 1_000_000, "cpu-hour")
    return site


def spec(**more: object) -> dict[str, object]:
    return {"project": "bench", "command": ["true"], "walltime": "1m", "cwd": "/", **more}


def bare_inserts(folder: Path, number: int, batch: int) -> float:
    """One table, one row of 300 bytes a commit of `batch` rows, with the journal's own settings."""
    db = sqlite3.connect(folder / f"bare-{batch}.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE work (id INTEGER PRIMARY KEY, body TEXT)")

    def insert() -> None:
        for _ in range(number // batch):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO work (body) VALUES (?)", [("x" * 300,)] * batch)
            db.execute("COMMIT")

    return rate(number, insert)


def submissions(folder: Path) -> None:
    site = site_in(folder / "submit", 2)
    asked = [spec(command=["train", "--seed", str(number)]) for number in range(22_000)]
    single, many = asked[:2000], asked[2000:]
    line("submissions, one by one", rate(len(single), lambda: [site.submit(one) for one in single]),
         "bare sqlite3 insert, one a commit", bare_inserts(folder, 2000, 1))  # fmt: skip
    used = time.process_time()
    batched = rate(len(many), lambda: site.submit_many(many))
    used = time.process_time() - used
    line("submissions, 20,000 in one batch", batched,
         "bare sqlite3 insert, one commit", bare_inserts(folder, 20_000, 20_000))  # fmt: skip
    print(f"{'processor time of one of them':<46} {used / len(many) * 1e6:>10,.0f} us")
    site.close()


def drain(folder: Path, name: str, jobs: int, slots: int, **more: object) -> float:
    """From the first submission until the last charge is on record."""
    site = site_in(folder / name, slots)
    tasks = int(str(more["array"]).partition("-")[2]) + 1 if "array" in more else jobs
    controller = site.controller(lambda words: print(words, file=sys.stderr))

    def whole() -> None:
        site.submit_many([spec(**more)] * (1 if "array" in more else jobs))
        controller.run(lambda: False, until_idle=True)

    try:
        found = rate(tasks, whole)
    finally:
        controller.close()
    assert site.check_account()["balanced"]
    assert all(row["state"] == "done" for row in site.ps(everything=True))
    site.close()
    return found


def bare_subprocess(jobs: int) -> float:
    def loop() -> None:
        for _ in range(jobs):
            subprocess.run(["true"], check=True)

    return rate(jobs, loop)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=1000)
    options.add_argument("--slots", type=int, default=16)
    given = options.parse_args()
    print(f"python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, {platform.machine()}")
    with tempfile.TemporaryDirectory(prefix="shanyrak-bench-") as name:
        folder = Path(name)
        submissions(folder)
        bare = bare_subprocess(given.jobs)
        jobs = drain(folder, "jobs", given.jobs, given.slots)
        line(f"jobs of `true`, submit to settled, {given.slots} slots", jobs, "bare subprocess.run loop", bare)
        tasks = drain(folder, "array", given.jobs, given.slots, array=f"0-{given.jobs - 1}")
        line(f"tasks of one array of `true`, {given.slots} slots", tasks, "bare subprocess.run loop", bare)


if __name__ == "__main__":
    main()
