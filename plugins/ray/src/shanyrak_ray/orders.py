"""From a `Launch` to what its node is told and what Ray is asked for, or why it can never run there."""

from __future__ import annotations

import os
import pwd
import shlex
import zlib
from pathlib import Path
from typing import Any

from shanyrak.api import Launch, Node

from shanyrak_ray.cluster import LITTLE, Host
from shanyrak_ray.settings import Settings


class Fault(Exception):
    """A request that can never start here, in words."""


def check(launch: Launch, settings: Settings) -> None:
    """Raises Fault for what no cluster of Ray can run for us."""
    if len(launch.nodes) > 1:
        raise Fault(
            f"a job of Ray is on one node, and this asks for {len(launch.nodes)}: ask for --width 1, or start a Ray of its "
            "own inside the work on a pool of the engine local or slurm: python -m shanyrak_ray.inside -- COMMAND"
        )
    me = _user()
    if launch.user != me and not settings.allow_other_users:
        raise Fault(
            f"work of user {launch.user} would run as the user of the Ray cluster, since Ray knows no users; submit it as "
            f"{me}, or set allow_other_users = true in [plugins.ray]"
        )
    if not launch.argv or not launch.argv[0]:
        raise Fault("no command was given")
    for key in (*launch.env, *launch.secrets):
        if not key or "=" in key or "\0" in key:
            raise Fault(f"{key!r} is not a name that an environment can hold")
    if any("\0" in part for part in (*launch.argv, *launch.env.values(), *launch.secrets.values(), launch.cwd)):
        raise Fault("the command or its environment holds a zero byte")
    if not os.path.isabs(launch.cwd):  # noqa: PTH117  (it is a path of the node)
        raise Fault(f"working folder {launch.cwd!r} is not an absolute path")


def check_size(launch: Launch, host: Host, declared: Node | None) -> None:
    """Raises Fault for what the node never has room for: Ray would let it wait for ever."""
    units = launch.nodes[0][1]
    asked = {"GPUs": units if launch.unit == "gpu" else 0, "CPUs": _cpus(launch), "bytes of memory": launch.memory}
    there = {"GPUs": host.gpus, "CPUs": host.cpus, "bytes of memory": host.memory}
    for what, number in asked.items():
        if number > there[what]:
            words = f"it asks for {number} {what}, and its node has {there[what]} in Ray"
            raise Fault(words + (f" ({declared.name} of commons.toml)" if declared else ""))


def note(launch: Launch, host: Host, settings: Settings) -> dict[str, Any]:
    """What the node is told: `launch.json`. No secrets, only whether there are any."""
    gpus = launch.nodes[0][1] if launch.unit == "gpu" else 0
    return {
        "argv": list(launch.argv),
        "env": dict(launch.env),
        "cwd": launch.cwd,
        "secrets": bool(launch.secrets),
        "gpus": gpus,
        "gpus_there": host.gpus,
        "memory": launch.memory,
        "walltime_ms": launch.walltime_ms,
        "grace": settings.grace,
        "log_limit": settings.log_limit,
        "own": {
            "SHANYRAK_JOB": str(launch.workload),
            "SHANYRAK_TASK": str(launch.task),
            "SHANYRAK_NODES": ",".join(name for name, _ in launch.nodes),
            "SHANYRAK_UNITS": ",".join(str(count) for _, count in launch.nodes),
        },
        "job": {
            "entrypoint_num_cpus": _cpus(launch),
            "entrypoint_num_gpus": gpus,
            "entrypoint_memory": launch.memory,
            "entrypoint_resources": {host.place: LITTLE},
        },
    }


def job_id(token: str, spool: Path) -> str:
    """Ray's id of an attempt: the token, and which spool it is of, as Ray confuses jobs that have one id soon after another."""
    return f"{token}-{zlib.crc32(str(spool).encode()):08x}"


def submission(token: str, told: dict[str, Any], spool: Path, program: Path, settings: Settings) -> dict[str, Any]:
    """The job for Ray: one command line with the token, which says nothing of what is run."""
    words = [settings.python, "-I", "-S", str(program), str(spool), token]
    return {
        "submission_id": job_id(token, spool),
        "entrypoint": f"exec {shlex.join(words)}",
        "metadata": {"shanyrak": str(spool)},
        **told["job"],
    }


def _cpus(launch: Launch) -> int:
    return max(launch.cpus, launch.nodes[0][1] if launch.unit == "cpu" else 0)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
