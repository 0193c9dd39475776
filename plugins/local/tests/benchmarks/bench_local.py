"""Jobs a second of `true` through the engine, beside a bare `subprocess` loop in the same run.

Run: `python plugins/local/tests/benchmarks/bench_local.py [jobs]`. Rows: one job after another (launch, then observe
until it has ended), a few slots that are filled as they get free, an array that all starts at once, and `observe`
over 2,000 tokens. Under bubblewrap the baseline is also a bare loop of `bwrap`, which no engine that gives each attempt
a sandbox of its own can pass. At the end the same through HyperQueue and dask, where they are installed.
"""

from __future__ import annotations

import getpass
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import others
from shanyrak.api import EngineContext, EngineProblem, Launch
from shanyrak_local.engine import LocalEngine, make
from shanyrak_local.sandbox import probe_argv
from shanyrak_local.settings import Settings


def job(token: str, cwd: str, bundle: str = "") -> Launch:
    return Launch(
        token, 1, 0, bundle, ("true",), {"PATH": "/usr/bin:/bin"}, {}, cwd, (), (("n1", 1),), "cpu", 0, 0, 60_000,
        getpass.getuser(),
    )  # fmt: skip


def drain(engine: LocalEngine, live: list[str], until: int = 0) -> list[str]:
    """Observe until no more than `until` run."""
    while len(live := [seen.token for seen in engine.observe(live) if seen.state == "running"]) > until:
        engine.wait(1)
    return live


def one_by_one(engine: LocalEngine, jobs: list[Launch]) -> None:
    for each in jobs:
        engine.launch([each])
        drain(engine, [each.token])


def slots(count: int) -> Callable[[LocalEngine, list[Launch]], None]:
    def run(engine: LocalEngine, jobs: list[Launch]) -> None:
        waiting, live = list(reversed(jobs)), []
        while waiting or live:
            batch = [waiting.pop() for _ in range(min(count - len(live), len(waiting)))]
            if batch:
                engine.launch(batch)
            live += [each.token for each in batch]
            live = drain(engine, live, until=count - 1 if waiting else 0)

    return run


def at_once(engine: LocalEngine, jobs: list[Launch]) -> None:
    engine.launch(jobs)
    drain(engine, [each.token for each in jobs])


def bare(argv: list[str], count: int, at_once: int = 1) -> float:
    """Processes a second that are started and waited for, so many at once."""

    def run(_: int) -> None:
        subprocess.run(argv, env={}, check=True)

    begun = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(run, range(count)))
    return count / (time.perf_counter() - begun)


def main(count: int) -> None:
    base = bare(["/usr/bin/true"], count)
    print(f"{'':36} {'jobs':>11}   beside the bare loop")
    print(f"{'bare subprocess loop':36} {base:8.0f} /s   1.00")
    shapes = {"one by one": one_by_one, "8 slots": slots(8), "array, all at once": at_once}
    for kind in ("namespace", "none", "bwrap"):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cwd:
            try:
                engine = make(EngineContext("bench", folder + "/engine", Settings(isolation=kind)))
            except EngineProblem as problem:
                print(f"{kind}: {problem}")
                continue
            one_by_one(engine, [job("warm", cwd)])
            if engine.isolation.kind == "bwrap":
                argv = probe_argv(engine.isolation.bwrap, engine.isolation.userns)
                for many in (1, 8):
                    rate = bare(argv, count, many)
                    print(f"{f'bare bwrap, {many} at once':36} {rate:8.0f} /s   {rate / base:.2f}")
            for name, shape in shapes.items():
                jobs = [job(f"{name[:1]}{n}", cwd, "b" if shape is at_once else "") for n in range(count)]
                begun = time.perf_counter()
                shape(engine, jobs)
                rate = count / (time.perf_counter() - begun)
                print(f"{kind + ', ' + name:36} {rate:8.0f} /s   {rate / base:.2f}")
            tokens = [f"{shape[:1]}{n}" for shape in shapes for n in range(count)][:2000]
            begun = time.perf_counter()
            for _ in range(20):
                engine.observe(tokens)
            print(f"{kind}: observe {len(tokens)} tokens: {(time.perf_counter() - begun) * 50:.2f} ms a call")
            engine.close()
            time.sleep(1.5)
    for words, found in others.rows(count):
        print(words if found is None else f"{words:36} {found:8.0f} /s   {found / base:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
