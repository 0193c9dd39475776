"""Jobs a second in rehearsal, compiled and interpreted; reading beside simulating; memory of 3.3 million jobs.

    python plugins/rehearse/tests/benchmarks/bench_rehearse.py [--traces DIR] [--rounds N] [--interpreted JOBS] [--tiled]
                                                                 [--accasim PYTHON]

Interpreted, only the first 20,000 jobs of a trace are run, and the mean wait is theirs. Each case runs in a process of its own
on one core and prints processor time: of reading, of the first play of a process
(compiled: with what is loaded or compiled) and of the best of N more. `--tiled` writes SDSC-BLUE one after another until it has 3.3
million jobs. `--accasim`: a Python that has AccaSim 1.1.3; its EASY runs the same jobs, which the core never depends on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rehearselab.traces import BLUE, PHILLY, TRACES

JOBS = 3_300_000

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("SDSC-BLUE, pool", BLUE, {"pool": 144, "per_unit": 8}, "easy"),
    ("SDSC-BLUE, nodes", BLUE, {"nodes": "144x8"}, "easy"),
    ("SDSC-BLUE, pool", BLUE, {"pool": 144, "per_unit": 8}, "fairshare"),
    ("SDSC-BLUE, nodes", BLUE, {"nodes": "144x8"}, "fairshare"),
    ("Philly, pool", PHILLY, {"pool": 512}, "easy"),
    ("Philly, nodes", PHILLY, {"nodes": "64x8"}, "easy"),
    ("Philly, nodes", PHILLY, {"nodes": "64x8"}, "fairshare"),
]


def measure(
    file: Path, nodes: str | None, pool: int | None, per_unit: int, policy: str, rounds: int, jobs: int
) -> dict[str, Any]:
    """One case, in this process; `jobs`: only so many of the first, 0 all."""
    from shanyrak.api import PluginManager
    from shanyrak_rehearse.choosing import choose
    from shanyrak_rehearse.house import PARAMS
    from shanyrak_rehearse.machine import machine
    from shanyrak_rehearse.past import archive
    from shanyrak_rehearse.play import forward
    from shanyrak_rehearse.sources import read_files
    from shanyrak_rehearse.tenants import tenants
    from shanyrak_rehearse.work import work

    manager = PluginManager()
    chosen = choose(manager, [policy])[0]
    began = time.process_time()
    trace, _ = read_files(manager, [file])
    past = archive(trace)
    reading = time.process_time() - began
    del trace
    asked = work(past, machine(nodes, pool, per_unit, None), tenants(past, {}), "given", {})
    arrivals = asked.arrivals()
    if jobs:
        columns = {one.name: getattr(arrivals, one.name) for one in fields(arrivals)}
        arrivals = replace(arrivals, **{name: values[:jobs] for name, values in columns.items() if values is not None})
    plays = []
    for _ in range(1 + rounds):
        mirror = asked.mirror(int(PARAMS["half_life"]))
        began = time.process_time()
        log = forward(mirror, chosen, {**PARAMS, "promises": 0}, 0, arrivals, False, None)
        plays.append(time.process_time() - began)
    return {
        "jobs": len(arrivals.at), "reading": reading, "first": plays[0], "best": min(plays[1:] or plays),
        "wait": float((log.at - arrivals.at[log.job - 1]).mean()) / 1000, "rounds": log.rounds, "skipped": log.skipped,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def apart(compiled: bool, *words: Any) -> dict[str, Any] | None:
    """The same in a process of its own; None when it failed, which is told."""
    env = os.environ | {"SHANYRAK_COMPILED": "1" if compiled else "0"}
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(words, default=str)], env=env, capture_output=True, text=True
    )
    if done.returncode:
        print(f"  failed: {(done.stderr.strip() or f'exit {done.returncode}').splitlines()[-1]}")
        return None
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def tell(name: str, policy: str, mode: str, found: dict[str, Any] | None) -> None:
    if found:
        rate = found["jobs"] / found["best"]
        print(
            f"{name:18} {policy:10} {mode:12} {rate:12,.0f} {found['best']:9.2f} {found['first']:9.2f} {found['reading']:9.2f}"
            f" {found['memory']:8,.0f} {found['wait']:12,.0f}"
        )


def clean_lines(file: Path) -> Iterator[list[int]]:
    """The jobs of an SWF file by the rule `archive`, as the first 18 fields."""
    import gzip

    with gzip.open(file, "rt") as text:
        for line in text:
            words = line.split()
            if not line.startswith(";") and int(words[3]) >= 0:
                fields = [int(float(word)) for word in words[:18]]
                fields[3] = min(max(fields[3], 1), fields[8] if fields[8] > 0 else max(fields[3], 1))
                yield fields


def tiled(file: Path, out: Path) -> None:
    """The jobs again and again, each time after the last, until there are 3.3 million."""
    jobs = list(clean_lines(file))
    span, number = jobs[-1][1] - jobs[0][1] + 86_400, 0
    with open(out, "w") as text:
        while number < JOBS:
            shift = (number // len(jobs)) * span
            for fields in jobs[: JOBS - number]:
                number += 1
                text.write(" ".join(map(str, [number, fields[1] + shift, *fields[2:]])) + "\n")


ACCASIM = """
import collections, collections.abc, json, sys, time
for name in collections.abc.__all__:  # where it looks for them was left in Python 3.10
    setattr(collections, name, getattr(collections.abc, name))
from accasim.base.simulator_class import Simulator
from accasim.base.scheduler_class import EASYBackfilling
from accasim.base.allocator_class import FirstFit
workload, system, results = sys.argv[1:]
simulator = Simulator(workload, system, EASYBackfilling(FirstFit()), RESULTS_FOLDER_PATH=results, scheduling_output=False,
                      statistics_output=False, show_statistics=False)
began = time.process_time()
simulator.start_simulation()
print(json.dumps(time.process_time() - began))
"""


def accasim(python: str, file: Path) -> None:
    """AccaSim's EASY with first fit on 144 nodes x 8, over the same jobs."""
    with tempfile.TemporaryDirectory() as folder:
        workload, system = Path(folder, "blue.swf"), Path(folder, "system.json")
        lines = list(clean_lines(file))
        workload.write_text("".join(" ".join(map(str, fields)) + "\n" for fields in lines))
        system.write_text(json.dumps({
            "start_time": 0, "groups": {"g0": {"core": 8}}, "resources": {"g0": 144}, "equivalence": {"processor": {"core": 1}},
        }))  # fmt: skip
        done = subprocess.run(
            [python, "-c", ACCASIM, str(workload), str(system), folder], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            print(f"  AccaSim failed: {(done.stderr.strip() or f'exit {done.returncode}').splitlines()[-1]}")
            return
        seconds = float(done.stdout.strip().splitlines()[-1])
        print(f"{'SDSC-BLUE, nodes':18} {'easy':10} {'AccaSim':12} {len(lines) / seconds:12,.0f} {seconds:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--interpreted", type=int, default=20_000, metavar="JOBS", help="of each trace, the first; 0: all"
    )
    parser.add_argument("--tiled", action="store_true")
    parser.add_argument("--accasim", metavar="PYTHON", default=sys.executable if find_spec("accasim") else "")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        file, machine_, policy, rounds, jobs = json.loads(args.case)
        case = {"nodes": None, "pool": None, "per_unit": 1, **machine_}
        print(json.dumps(measure(Path(file), policy=policy, rounds=rounds, jobs=jobs, **case)))
        return
    heads = ("jobs/s", 12), ("best s", 9), ("first s", 9), ("reading s", 9), ("MiB", 8), ("mean wait s", 12)
    print(f"{'trace, machine':18} {'policy':10} {'mode':12}", *(f"{head:>{width}}" for head, width in heads))
    for name, trace, machine_, policy in CASES:
        if find_spec("numba"):
            tell(name, policy, "compiled", apart(True, args.traces / trace, machine_, policy, args.rounds, 0))
        tell(name, policy, "interpreted", apart(False, args.traces / trace, machine_, policy, 0, args.interpreted))
    if args.tiled:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "tiled.swf")
            tiled(args.traces / BLUE, out)
            tell("BLUE x 14.2, pool", "easy", "compiled", apart(True, out, {"pool": 144, "per_unit": 8}, "easy", 0, 0))
    if args.accasim:
        accasim(args.accasim, args.traces / BLUE)


if __name__ == "__main__":
    main()
