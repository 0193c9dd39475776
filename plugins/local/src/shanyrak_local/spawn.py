"""Starting the command of an attempt, from its worker: directly, or through bubblewrap."""

# ruff: noqa: PTH115
from __future__ import annotations

import errno
import os
import re
import signal
import time

from shanyrak_local.sandbox import devices
from shanyrak_local.wire import Message

DEFAULT_SIGNALS = [
    number
    for number in signal.valid_signals()
    if number not in (signal.SIGKILL, signal.SIGSTOP) and number < signal.SIGRTMIN
]
USER_FAULTS = {errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.E2BIG, errno.EISDIR, errno.ELOOP}


OUTSIDE = "/proc/sys"
"""Where bubblewrap is started: no working folder of an attempt is ever here, once it is inside."""


class NotStarted(Exception):
    """The command was not started, in words."""

    def __init__(self, words: str, user_fault: bool) -> None:
        super().__init__(words)
        self.user_fault = user_fault


def start(job: Message, null: int, outputs: list[int]) -> int:
    """Start the job's command as the leader of its own session; its pid. `outputs`: stdout and stderr."""
    try:
        os.chdir(job["cwd"])
    except OSError as problem:
        raise NotStarted(f"working folder {job['cwd']}: {problem.strerror}", True) from None
    if job["box"]:
        return _boxed(job, null, outputs)
    return spawn(job["path"], job["argv"], job["env"], null, outputs)


def _boxed(job: Message, null: int, outputs: list[int]) -> int:
    """Start the command in bubblewrap, and become its parent; its pid.

    Bubblewrap keeps a monitor outside the sandbox, which would turn a death by signal into an exit code. So the
    process inside is held just before it becomes the command; the monitor, which has no more to do by then, is
    killed; the process inside is an orphan and becomes a child of this one, which sees its true status.
    """
    told, tell = os.pipe()
    hold, release = os.pipe()
    os.set_inheritable(tell, True)
    os.set_inheritable(hold, True)
    argv = [*job["box"], *devices(job["devices"]), "--info-fd", str(tell), "--block-fd", str(hold), "--"]
    argv += [job["path"], *job["argv"][1:]]
    os.chdir(OUTSIDE)
    try:
        try:
            monitor = spawn(argv[0], argv, job["env"], null, outputs)
        finally:
            os.close(tell)
            os.close(hold)
        pid = _told_pid(told)
        if not pid or not _entered(monitor, pid):
            raise NotStarted("bubblewrap could not make the sandbox", False)
        os.kill(monitor, signal.SIGKILL)
        os.waitpid(monitor, 0)
        os.write(release, b".")
    finally:
        os.close(told)
        os.close(release)
    return pid


def _told_pid(told: int) -> int:
    """The pid inside the sandbox from bubblewrap's report; 0 when it ended without one."""
    text = b""
    while part := os.read(told, 4096):
        text += part
        found = re.search(rb'"child-pid": (\d+)', text)
        if found:
            return int(found[1])
    return 0


def _entered(monitor: int, pid: int) -> bool:
    """Wait until the process inside was let go by its monitor, and so has left the folder both started in.

    False when the sandbox failed. The process cannot go on past its hold, so nothing is missed between looks.
    """
    pause = 0.0002
    while True:
        try:
            if os.readlink(f"/proc/{pid}/cwd") != OUTSIDE:
                return True
        except OSError:
            return False
        if os.waitid(os.P_PID, monitor, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.01)


def spawn(path: str, argv: list[str], env: dict[str, str], null: int, outputs: list[int]) -> int:
    """posix_spawn with default signals, in a new session."""
    actions = [(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate((null, *outputs))]
    try:
        return os.posix_spawn(
            path, argv, env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=DEFAULT_SIGNALS
        )
    except OSError as problem:
        words = f"{argv[0]}: {problem.strerror}"
        if problem.errno == errno.ENOENT:
            words = f"{argv[0]}: the interpreter that its first line names was not found"
        elif problem.errno == errno.ENOEXEC:
            words = f"{argv[0]}: not a program, and without a first line that names an interpreter"
        raise NotStarted(words, problem.errno in USER_FAULTS) from None
