"""From a `Launch` to the keeper's message: what the attempt may see and has, or why it can never start."""

# ruff: noqa: PTH110, PTH112, PTH117, PTH118
from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from shanyrak.api import Launch, Launched, Node

from shanyrak_local import machine, sandbox
from shanyrak_local.isolation import Isolation
from shanyrak_local.settings import Settings
from shanyrak_local.wire import Message


class Fault(Exception):
    """A request that can never start here, in words."""


class Builder:
    """Makes messages for the attempts of one engine."""

    def __init__(self, nodes: Sequence[Node], settings: Settings, isolation: Isolation, folder: Path) -> None:
        self.settings, self.isolation, self.folder = settings, isolation, folder.resolve()
        self.nodes = {node.name: node for node in nodes}
        self.ranges: dict[str, tuple[int, int]] = {}
        first = 0
        for node in nodes:
            self.ranges[node.name] = (first, first + node.units)
            first += node.units
        self.pin = bool(nodes) and sum(node.cpus for node in nodes) <= len(os.sched_getaffinity(0))
        self.workspace = next(
            (parent for parent in self.folder.parents if (parent / "commons.toml").exists()), self.folder
        )

    def build(self, launch: Launch) -> Message | Launched:
        """The message, or the refusal."""
        try:
            return self._message(launch)
        except Fault as fault:
            return Launched(launch.token, refused=str(fault), user_fault=True)

    def _message(self, launch: Launch) -> Message:
        self._check_user(launch)
        self._check_size(launch)
        cwd = _folder(launch.cwd, "working folder")
        path = _command(launch, cwd)
        gpu = launch.unit == "gpu"
        words = ["pidns" if self.isolation.kind == "namespace" else "subreaper"]
        box: list[str] = []
        if self.isolation.kind == "bwrap":
            box, words = self._box(launch, cwd, path, gpu)
        return {
            "token": launch.token,
            "workload": launch.workload,
            "task": launch.task,
            "path": path,
            "argv": list(launch.argv),
            "env": self._environment(launch),
            "cwd": cwd,
            "box": box,
            "namespace": self.isolation.kind != "subreaper",
            "isolation": words,
            "pin": launch.cpus * len(launch.nodes) if self.pin else 0,
            "gpus": [(*self._range(name), count) for name, count in launch.nodes] if gpu else [],
            "memory": launch.memory * max(1, len(launch.nodes)),
            "walltime": launch.walltime_ms,
            "grace": self.settings.grace,
            "log_limit": self.settings.log_limit,
        }

    def _environment(self, launch: Launch) -> dict[str, str]:
        """Exactly what the launch says, and the engine's own names."""
        return {
            **launch.env,
            **launch.secrets,
            "SHANYRAK_JOB": str(launch.workload),
            "SHANYRAK_TASK": str(launch.task),
            "SHANYRAK_NODES": ",".join(name for name, _ in launch.nodes),
            "SHANYRAK_UNITS": ",".join(str(count) for _, count in launch.nodes),
        }

    def _check_user(self, launch: Launch) -> None:
        if self.isolation.kind == "bwrap" or self.settings.allow_other_users:
            return
        me = _user()
        if launch.user != me:
            raise Fault(
                f"work of user {launch.user} is not run as {me} without bubblewrap; install it, or set "
                "allow_other_users = true in [plugins.local]"
            )

    def _check_size(self, launch: Launch) -> None:
        """What is more than a declared node has will never be free there."""
        for name, units in launch.nodes:
            node = self.nodes.get(name)
            if node is None:
                continue
            for what, asked, there in (
                (f"{launch.unit} units", units, node.units),
                ("CPUs", launch.cpus, node.cpus),
                ("bytes of memory", launch.memory, node.memory),
            ):
                if asked > there:
                    raise Fault(f"{asked} {what} asked for on node {name}, which has {there}")

    def _box(self, launch: Launch, cwd: str, path: str, gpu: bool) -> tuple[list[str], list[str]]:
        outputs = [_output(each, cwd) for each in launch.outputs]
        return sandbox.build(
            self.isolation.bwrap,
            self.isolation.userns,
            cwd=cwd,
            outputs=outputs,
            named=_named(launch, path),
            hide=[str(self.workspace), *map(os.path.realpath, self.settings.hide)],
            mask=[str(self.folder), str(self.workspace / "secrets"), *self._journal(cwd, outputs)],
            keep=[str(self.workspace / "commons.toml")] if self._open(cwd, outputs) else [],
            network=launch.network,
            gpu=gpu,
            memory=launch.memory * max(1, len(launch.nodes)),
        )

    def _open(self, cwd: str, outputs: Sequence[str]) -> bool:
        """Whether the workspace itself is a folder that the attempt may write."""
        return str(self.workspace) in (cwd, *outputs)

    def _journal(self, cwd: str, outputs: Sequence[str]) -> list[str]:
        """What an attempt in the workspace itself must not see; elsewhere the workspace is hidden as a whole."""
        if not self._open(cwd, outputs):
            return []
        return [str(self.workspace / "engines"), *map(str, self.workspace.glob("journal.db*"))]

    def _range(self, name: str) -> tuple[int, int]:
        """The GPU indices of a node here: node after node, as declared, and none that does not exist.

        On a machine without any GPU, declared ones are played.
        """
        here = self.gpus
        first, end = self.ranges.get(name, (0, here))
        return (first, min(end, here)) if here else (first, end)

    @cached_property
    def gpus(self) -> int:
        """GPUs of this machine."""
        return machine.gpus()


def _user() -> str:
    """The name of the OS user that attempts run as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _folder(name: str, what: str) -> str:
    if not os.path.isabs(name):
        raise Fault(f"{what} {name!r} is not an absolute path")
    if not os.path.exists(name):
        raise Fault(f"{what} does not exist: {name}")
    if not os.path.isdir(name):
        raise Fault(f"{what} is not a folder: {name}")
    if not os.access(name, os.X_OK):
        raise Fault(f"{what} may not be entered: {name}")
    return os.path.realpath(name)


def _output(name: str, cwd: str) -> str:
    path = os.path.realpath(os.path.join(cwd, name))
    if not os.path.exists(path):
        if path.startswith(cwd.rstrip("/") + "/"):
            return cwd
        raise Fault(f"output does not exist: {path}")
    return path


def _command(launch: Launch, cwd: str) -> str:
    """Where the program is: by path from the working folder, or by the PATH of its own environment."""
    if not launch.argv or not launch.argv[0]:
        raise Fault("no command was given")
    name = launch.argv[0]
    if any("\0" in part for part in (*launch.argv, *launch.env.values(), *launch.secrets.values())):
        raise Fault("the command or its environment holds a zero byte")
    for key in (*launch.env, *launch.secrets):
        if not key or "=" in key or "\0" in key:
            raise Fault(f"{key!r} is not a name that an environment can hold")
    if "/" in name:
        path = os.path.join(cwd, name)
        if not os.path.exists(path):
            raise Fault(f"command not found: {name}")
        if os.path.isdir(path) or not os.access(path, os.X_OK):
            raise Fault(f"command may not be run: {name}")
        return path
    found = shutil.which(name, path=launch.env.get("PATH", os.defpath))
    if found is None:
        raise Fault(f"command not found: {name}")
    return os.path.join(cwd, found)


def _named(launch: Launch, path: str) -> Iterator[str]:
    """Existing absolute paths that the command and its PATH name."""
    for part in (path, *launch.argv[1:], *launch.env.get("PATH", "").split(":")):
        if part.startswith("/") and os.path.exists(part):
            yield part
            yield os.path.realpath(part)
