"""The bubblewrap command line of an attempt: what it may see, and what it may write.

The order of binds matters: later ones lie over earlier ones. First the whole system, read-only; then an empty /tmp,
with what the command line names under the real one; then empty folders over what is hidden and what is writable, the
outer ones first, so that the nearest counts; last what stays hidden, or as it is, even inside a writable folder.

Process isolation is the worker's pid namespace, which the sandbox inherits with its /proc, so bubblewrap makes none
of its own: the worker then sees the true status of the command and of every orphan.
"""

# ruff: noqa: PTH110, PTH112
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps")


def _base(path: str, userns: bool) -> list[str]:
    argv = [path, "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]
    if userns:
        argv += ["--unshare-user", "--disable-userns"]
    return [*argv, "--ro-bind", "/", "/", "--dev", "/dev"]


def probe_argv(path: str, userns: bool) -> list[str]:
    """A trial: the strictest sandbox around `true`."""
    return [*_base(path, userns), "--unshare-net", "--tmpfs", "/tmp", "--", "/bin/sh", "-c", ":"]


def build(
    bwrap: str,
    userns: bool,
    *,
    cwd: str,
    outputs: Iterable[str],
    named: Iterable[str],
    hide: Iterable[str],
    mask: Sequence[str],
    keep: Iterable[str] = (),
    network: bool,
    gpu: bool,
    memory: int = 0,
) -> tuple[list[str], list[str]]:
    """Arguments up to the command (excluded), and the words for what they enforce.

    All paths are real (no links). `named`: existing paths the command line names, shown read-only when /tmp would
    hide them. `hide`: folders shown empty around what is writable, unless they are that themselves. `mask`: hidden even
    within what is writable. `keep`: read-only even there. `memory`: bytes that its /tmp and /dev/shm, which are
    memory, may each take; 0 for no limit. What is empty is not writable, so that it takes none either.
    """
    argv = _base(bwrap, userns)
    words = ["bwrap", "pidns", "no-caps", "readonly-system"]
    if userns:
        words.append("no-userns")
    if not network:
        argv.append("--unshare-net")
        words.append("no-network")
    scratch = ["--size", str(memory), "--tmpfs"] if memory else ["--tmpfs"]
    argv += ["--dev-bind-try", "/dev/shm", "/dev/shm"] if gpu else [*scratch, "/dev/shm", "--remount-ro", "/dev"]
    writable = sorted({path for path in (cwd, *outputs) if path != "/"})
    if "/tmp" not in writable:
        argv += [*scratch, "/tmp"]
        words.append("private-tmp")
        for path in sorted({top for path in named if (top := _under_tmp(path))}):
            argv += ["--ro-bind", path, path]
    hidden = {path for path in hide if os.path.isdir(path) and path != "/"}
    for path in sorted({*hidden, *writable}, key=lambda path: path.split("/")):
        argv += ["--bind", path, path] if path in writable else ["--tmpfs", path]
    for path in sorted(set(keep)):
        if os.path.exists(path):
            argv += ["--ro-bind", path, path]
    for path in sorted(set(mask)):
        if os.path.isdir(path):
            argv += ["--tmpfs", path]
        elif os.path.exists(path):
            argv += ["--ro-bind", "/dev/null", path]
    masked = {path for path in mask if os.path.isdir(path)}
    for path in sorted(masked | (hidden - set(writable))):
        argv += ["--remount-ro", path]
    return [*argv, "--chdir", cwd], words


def devices(indices: Iterable[int]) -> list[str]:
    """Arguments that show these GPUs of the machine, and no other."""
    argv = []
    for name in (*DEVICES, *(f"nvidia{index}" for index in indices)):
        if os.path.exists(f"/dev/{name}"):
            argv += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    return argv


def _under_tmp(path: str) -> str:
    """The entry of /tmp that a path lies in; empty when it is elsewhere."""
    parts = os.path.normpath(path).split("/")
    return "/tmp/" + parts[2] if path.startswith("/tmp/") and len(parts) > 2 else ""
