"""Ray inside a job: `python -m shanyrak_ray.inside -- python script.py`, as the command of work on any engine.

It starts a head and a worker for each further node of its allocation, runs the command with RAY_ADDRESS set, and leaves nothing
behind: the exit code is the command's. On one machine (the engine `local`) the nodes in SHANYRAK_NODES are played, each with its
units; under Slurm each worker is a task of `srun` on its own node.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from shanyrak.api import EngineProblem, Problem, UnfitProblem

from shanyrak_ray.head import MARK, START_S, Node, guarded, ray_program, short_folder
from shanyrak_ray.http import Dashboard
from shanyrak_ray.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """What one node of Ray has: CPUs, and GPUs by the names that CUDA takes."""

    cpus: int
    gpus: tuple[str, ...]

    def options(self, store: int) -> list[str]:
        """For `ray start`."""
        size = [f"--object-store-memory={store}"] if store else []
        return [f"--num-cpus={self.cpus}", f"--num-gpus={len(self.gpus)}", *size]

    def environment(self) -> dict[str, str]:
        """Its GPUs, and where this Python finds what is installed."""
        kept = {key: value for key, value in os.environ.items() if key in ("PYTHONPATH", "LD_LIBRARY_PATH")}
        return {**kept, "CUDA_VISIBLE_DEVICES": ",".join(self.gpus)}


def played(environment: dict[str, str], cpus: int) -> list[Part]:
    """The nodes of an allocation on this machine alone: as many as SHANYRAK_UNITS counts, else one."""
    gpus = [name for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    units = [int(count) for count in environment.get("SHANYRAK_UNITS", "").split(",") if count] or [len(gpus) or cpus]
    if not gpus:
        return [Part(count, ()) for count in units]
    parts, first = [], 0
    for count in units:
        parts.append(Part(max(1, cpus // len(units)), tuple(gpus[first : first + count])))
        first += count
    return parts


def here(environment: dict[str, str], cpus: int) -> Part:
    """What this node has of an allocation of Slurm, which shows only what is ours."""
    gpus = tuple(name for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name)
    return Part(int(environment.get("SLURM_CPUS_ON_NODE") or cpus), gpus)


@contextmanager
def brought_up(store: int) -> Iterator[Node]:
    """The whole Ray of this allocation; at the end none of it is left."""
    ray_program()
    environment, cpus = dict(os.environ), len(os.sched_getaffinity(0))
    others = int(environment.get("SLURM_JOB_NUM_NODES") or environment.get("SLURM_NNODES") or 1) - 1
    parts = played(environment, cpus) if "SLURM_JOB_ID" not in environment else [here(environment, cpus)]
    with ExitStack() as stack:
        home = stack.enter_context(short_folder("ray-"))
        head = stack.enter_context(guarded(Node(home, parts[0].options(store), parts[0].environment())))
        head.begin()
        for part in parts[1:]:
            worker = stack.enter_context(guarded(Node(home, part.options(store), part.environment(), head.token)))
            worker.join(head.address)
        step = stack.enter_context(_workers(head, others, store)) if others > 0 else None
        _await(head, home, len(parts) + max(0, others), step)
        yield head


@contextmanager
def _workers(head: Node, count: int, store: int) -> Iterator[subprocess.Popen[bytes]]:
    """One worker on each other node of the allocation, by srun; they end with the pipe to their standard input.

    A job that was submitted with an environment of its own gives its steps none, if it is not said that they have it.
    """
    words = [
        "srun", "--export=ALL", "--overlap", f"--nodes={count}", f"--ntasks={count}", "--ntasks-per-node=1", "--relative=1",
        sys.executable, "-m", "shanyrak_ray.inside", "--join", head.address, "--object-store", str(store),
    ]  # fmt: skip
    env = {**os.environ, "RAY_AUTH_TOKEN": head.token}
    step = subprocess.Popen(words, stdin=subprocess.PIPE, env=env)
    try:
        yield step
    finally:
        assert step.stdin is not None
        step.stdin.close()
        try:
            step.wait(30)
        except subprocess.TimeoutExpired:
            step.kill()
            step.wait()


def _await(head: Node, home: Path, count: int, step: subprocess.Popen[bytes] | None) -> None:
    """Return when Ray has all nodes. UnfitProblem when it does not come to that, at once when the step of the workers ended."""
    token = home / "token"
    token.touch(mode=0o600)
    token.write_text(head.token)
    ray = Dashboard(Settings(address=head.url, token_file=str(token)))
    until, found = time.monotonic() + START_S, 0
    while time.monotonic() < until:
        try:
            found = sum(node["state"] == "ALIVE" for node in ray.nodes())
        except EngineProblem:
            found = 0
        if found >= count:
            ray.close()
            return
        if step is not None and step.poll() is not None:
            raise UnfitProblem("Ray", f"{found} of its {count} nodes came up, and srun ended with {step.returncode}")
        time.sleep(0.2)
    raise UnfitProblem("Ray", f"{found} of its {count} nodes came up in {START_S:g} s")


def join(address: str, store: int) -> None:
    """Be a worker until standard input ends."""
    part = here(dict(os.environ), len(os.sched_getaffinity(0)))
    with short_folder("ray-") as home:
        node = Node(home, part.options(store), part.environment(), os.environ.get("RAY_AUTH_TOKEN", ""))
        with guarded(node):
            node.join(address)
            sys.stdin.buffer.read()


class Stopped(BaseException):
    """Somebody asked for the end."""


def run(command: Sequence[str], store: int) -> int:
    """The exit code of the command, with Ray around it; of one that ended by a signal, 128 more than that."""

    def stop(number: int, frame: Any) -> None:
        raise Stopped

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    child = None
    try:
        with brought_up(store) as head:
            env = {
                **os.environ,
                MARK: head.mark,  # so that it, too, ends when this process is killed
                "RAY_ADDRESS": head.address,
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN": head.token,
                "RAY_USAGE_STATS_ENABLED": "0",
            }
            if Path(command[0]).name != "uv":
                # Else Ray starts its workers as whatever `uv run` stands above us, which is not the work's own.
                env["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
            try:
                child = subprocess.Popen(command, env=env)
            except OSError as problem:
                raise UnfitProblem(command[0], str(problem.strerror)) from None
            try:
                code = child.wait()
            except Stopped:
                child.terminate()
                code = child.wait()
            return code if code >= 0 else 128 - code
    except Stopped:
        return 128 + signal.SIGTERM
    finally:
        if child is not None and child.poll() is None:
            child.kill()
            child.wait()


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--object-store", "store", type=click.IntRange(0), default=0, help="Bytes of it on each node; 0: as Ray likes."
)
@click.option("--join", "address", default="", hidden=True)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def main(store: int, address: str, command: tuple[str, ...]) -> None:
    """Start Ray on the nodes of this allocation, run COMMAND with RAY_ADDRESS set, and tear all of it down."""
    try:
        if address:
            join(address, store)
            sys.exit(0)
        if not command:
            raise click.UsageError("name a command: python -m shanyrak_ray.inside -- python script.py")
        sys.exit(run(command, store))
    except Problem as problem:
        click.echo(f"shanyrak_ray.inside: {problem}", err=True)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
