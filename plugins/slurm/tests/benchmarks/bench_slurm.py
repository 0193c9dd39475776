"""Submissions a second that Slurm accepts through the engine, beside bare `sbatch` in a loop in the same run; a poll of 5,000 jobs.

Run: `python plugins/slurm/tests/benchmarks/bench_slurm.py [jobs a round] [rounds]`. It starts a Slurm of its own; the jobs go to a
partition that starts none, so that only acceptance is measured. Each round takes all ways in turn, the table has the
median of the rounds. The bare loop calls `sbatch` with the options and the script that the engine uses.
"""

from __future__ import annotations

import getpass
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shanyrak.api import EngineContext, Launch
from shanyrak_slurm import orders
from shanyrak_slurm.engine import SlurmEngine, make
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.trial import Cluster, lacking

TASKS = 200
POLLED = 5_000
PARKED = "PartitionName=parked Nodes=ALL State=DOWN"


def works(prefix: str, count: int, bundle: bool = False) -> list[Launch]:
    """Launches, each a work of its own, or all tasks of one."""
    return [
        Launch(
            f"{prefix}.{n}", 1 if bundle else n, n if bundle else 0, prefix if bundle else "", ("true",), {}, {}, "/", (),
            (("n", 1),), "cpu", 1, 16 << 20, 60_000, getpass.getuser(),
        )
        for n in range(count)
    ]  # fmt: skip


def bare(engine: SlurmEngine, jobs: Sequence[Launch]) -> None:
    transport = engine.queue.transport
    for one in jobs:
        transport.submit(orders.order(orders.Batch((one,)), engine.pool, {}, str(engine.spool.folder), ""))


def accepted(engine: SlurmEngine, jobs: Sequence[Launch]) -> None:
    answers = engine.launch(jobs)
    assert len(answers) == len(jobs) and all(one.handle for one in answers), answers[:3]


def rate(call: Callable[[], None], count: int) -> float:
    begun = time.perf_counter()
    call()
    return count / (time.perf_counter() - begun)


def cpu() -> tuple[float, float]:
    """(this process, its children that have ended), seconds of user and system time."""
    own, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, theirs.ru_utime + theirs.ru_stime


def submissions(cluster: Cluster, engines: dict[str, SlurmEngine], count: int, rounds: int) -> None:
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for turn in range(rounds):
        cli = engines["cli"]
        note("bare sbatch in a loop", rate(lambda: bare(cli, works(f"bare{turn}", count)), count))  # noqa: B023
        for name, engine in engines.items():
            jobs = works(f"{name}{turn}", count)
            note(f"{name}, each work a job", rate(lambda: accepted(engine, jobs), count))  # noqa: B023
            tasks = [works(f"{name}{turn}a{n}", TASKS, bundle=True) for n in range(5)]
            note(
                f"{name}, arrays of {TASKS}",
                rate(lambda: [accepted(engine, one) for one in tasks] and None, 5 * TASKS),  # noqa: B023
            )
        cluster.run("scancel", "-u", getpass.getuser())
    base = statistics.median(found["bare sbatch in a loop"])
    for name, rates in found.items():
        ratios = [value / first for value, first in zip(rates, found["bare sbatch in a loop"], strict=True)]
        print(f"{name:36} {statistics.median(rates):9.0f} /s   {statistics.median(ratios):7.2f}")
    print(f"ratios are to the bare loop of the same round; {base:.0f} /s is its median of {rounds} rounds of {count}")


def poll(engine: SlurmEngine) -> None:
    jobs = [one for n in range(0, POLLED, 500) for one in works(f"poll{n}", 500, bundle=True)]
    for first in range(0, POLLED, 500):
        accepted(engine, jobs[first : first + 500])
    tokens = [one.token for one in jobs]
    for name, call in {
        "poll": engine.queue.look, f"poll and observe {POLLED:,} tokens": lambda: engine.observe(tokens)
    }.items():  # fmt: skip
        took = []
        for _ in range(7):
            engine.queue.stale()
            before, begun = cpu(), time.perf_counter()
            call()
            after, ended = cpu(), time.perf_counter()
            took.append((after[0] - before[0], after[1] - before[1], ended - begun))
        own, theirs, wall = (statistics.median(column) * 1000 for column in zip(*took, strict=True))
        print(
            f"{name} of {POLLED:,} jobs: {own:.0f} ms of our CPU, {theirs:.0f} ms of squeue's,"
            f" {wall:.0f} ms by the clock"
        )


def main(count: int, rounds: int) -> None:
    rest = not lacking(rest=True)
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        # Without that an old slurmrestd is not used.
        Cluster(Path(folder), rest=rest, settings={"JobRequeue": "0"}, lines=[PARKED]) as cluster,
    ):
        print(cluster.run("sbatch", "--version").strip())
        engines = {}
        for name in ("cli", "rest") if rest else ("cli",):
            settings = Settings(
                conf=str(cluster.conf), partition="parked", placement="slurm", transport=name, rest_url=cluster.rest_url
            )
            home = Path(folder) / name
            home.mkdir()
            engines[name] = make(EngineContext("bench", str(home), settings))
            accepted(engines[name], works(f"warm{name}", 2))
        submissions(cluster, engines, count, rounds)
        poll(engines["cli"])
        for engine in engines.values():
            engine.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
