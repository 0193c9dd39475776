"""Submissions a second of the engine `ray` beside bare submissions over HTTP, at one head in one run.

All that is submitted waits, as foreign work has all CPUs: what is measured is how fast work is accepted, not how fast Ray starts
a process. In turn, so that what else the machine does falls on all alike.

    python plugins/ray/tests/benchmarks/bench_ray.py [--jobs 60] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import pwd
import resource
import tempfile
import time
from pathlib import Path

from shanyrak.api import EngineContext, Launch, Node
from shanyrak_ray.engine import RayEngine, make
from shanyrak_ray.http import Dashboard
from shanyrak_ray.settings import Settings
from shanyrak_ray.trial import cluster


def launches(name: str, count: int) -> list[Launch]:
    me = pwd.getpwuid(os.geteuid()).pw_name
    return [
        Launch(
            f"{name}.{number}",
            1,
            number,
            name,
            ("true",),
            {},
            {},
            "/tmp",
            (),
            (("node-0", 1),),
            "cpu",
            1,
            1 << 20,
            0,
            me,
        )
        for number in range(count)
    ]


def bare(ray: Dashboard, name: str, count: int) -> float:
    """One after another over one connection."""
    begun = time.perf_counter()
    for number in range(count):
        status, text = ray.submit({"submission_id": f"{name}.{number}", "entrypoint": "true", "entrypoint_num_cpus": 1})
        assert status == 200, text
    return count / (time.perf_counter() - begun)


def one_by_one(engine: RayEngine, name: str, count: int) -> float:
    begun = time.perf_counter()
    for launch in launches(name, count):
        assert engine.launch([launch])[0].handle
    return count / (time.perf_counter() - begun)


def together(engine: RayEngine, name: str, count: int) -> float:
    begun = time.perf_counter()
    assert all(answer.handle for answer in engine.launch(launches(name, count)))
    return count / (time.perf_counter() - begun)


def observe(engine: RayEngine, tokens: list[str]) -> tuple[float, float]:
    """Our CPU ms for one look at all of them: when Ray is asked, and within the second after."""
    costs = []
    time.sleep(1.1)
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF)
        engine.observe(tokens)
        after = resource.getrusage(resource.RUSAGE_SELF)
        costs.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return costs[0], costs[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with cluster(gpus=0, cpus=2) as head, tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text(head.token)
        settings = Settings(address=head.url, token_file=str(token), timeout=120)
        ray = Dashboard(settings)
        ray.submit({"submission_id": "foreign", "entrypoint": "sleep 3600", "entrypoint_num_cpus": 2})
        while (ray.job("foreign") or {}).get("status") != "RUNNING":
            time.sleep(0.2)
        engine = make(EngineContext("pool", f"{folder}/engine", settings, (Node("node-0", 2, 2, 1 << 30),), "cpu"))
        print(f"{'round':<7}{'bare HTTP':>12}{'one by one':>12}{'ratio':>8}{'together':>12}{'ratio':>8}")
        tokens = []
        for number in range(chosen.rounds):
            plain = bare(ray, f"bare{number}", chosen.jobs)
            single = one_by_one(engine, f"single{number}", chosen.jobs)
            many = together(engine, f"many{number}", chosen.jobs)
            tokens += [launch.token for launch in launches(f"many{number}", chosen.jobs)]
            print(
                f"{number:<7}{plain:>10.0f}/s{single:>10.0f}/s{single / plain:>8.2f}{many:>10.0f}/s{many / plain:>8.2f}",
                flush=True,
            )
        asking, silent = observe(engine, tokens)
        print(
            f"a look at {len(tokens)} that wait: {asking:.1f} ms of CPU asking Ray, {silent:.1f} ms from the spool alone"
        )
        engine.close()


if __name__ == "__main__":
    main()
