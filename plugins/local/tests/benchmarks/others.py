"""The same `true` through HyperQueue and dask, as they come from the Python index: what `bench_local` measures beside the engine.

Each with a server and one worker of 8 slots on this machine, up and warm before the clock starts; neither isolates what it
runs. HyperQueue's client asks once a second whether a job is over, so only all at once says something there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

SLOTS = 8
Row = tuple[str, float]
"""What was done, and jobs a second."""


def rate(count: int, act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return count / (time.perf_counter() - begun)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """What is printed meanwhile by code that knows nothing of `sys.stdout` goes nowhere: HyperQueue shows its server as a table."""
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def hyperqueue(count: int) -> Iterator[Row]:
    os.environ["TQDM_DISABLE"] = "1"  # its bars
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig

    def job(tasks: int) -> Job:
        made = Job()
        for _ in range(tasks):
            made.program(["/usr/bin/true"], stdout=None, stderr=None)
        return made

    with contextlib.ExitStack() as until:
        until.enter_context(contextlib.chdir(until.enter_context(tempfile.TemporaryDirectory())))
        with unheard():
            cluster = until.enter_context(LocalCluster())
            cluster.start_worker(WorkerConfig(cores=SLOTS))
        client = cluster.client()

        def run(tasks: int) -> None:
            client.wait_for_jobs([client.submit(job(tasks))])

        run(SLOTS)
        yield "all at once", rate(count, lambda: run(count))


def distributed(count: int) -> Iterator[Row]:
    from distributed import Client, LocalCluster

    def work(_: int) -> int:
        return subprocess.run(["/usr/bin/true"], env={}).returncode

    with (
        LocalCluster(n_workers=1, threads_per_worker=SLOTS, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(work, range(SLOTS), pure=False))

        def one_by_one() -> None:
            for number in range(count):
                client.submit(work, number, pure=False).result()

        yield "one by one", rate(count, one_by_one)
        yield "all at once", rate(count, lambda: client.gather(client.map(work, range(count), pure=False)))


def rows(count: int) -> Iterator[tuple[str, float | None]]:
    """(words, jobs a second) for each; without a rate: it is not installed here, and is not measured."""
    logging.disable(logging.INFO)
    for name, measure in (("hyperqueue", hyperqueue), ("distributed", distributed)):
        try:
            known = version(name)
        except PackageNotFoundError:
            yield f"{name}: not measured, it is not installed (`pip install {name}`)", None
            continue
        for shape, found in measure(count):
            yield f"{name} {known}, {shape}", found
