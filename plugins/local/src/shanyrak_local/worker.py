"""A worker: the process that starts one attempt at a time and is sure of its end.

In a pid namespace it is process 1; else it is a sub-reaper. Either way every orphan among an attempt's processes
becomes its child, so "I have no children" is the proof that nothing of the attempt is left, `setsid` and double
forks included. It is forked from the keeper, never executed anew, and serves many attempts one after another.

The keeper's death: process 1 of a namespace is killed with it and takes all with it; a sub-reaper sees the end of
its socket and kills its tree.
"""

# ruff: noqa: PTH208
from __future__ import annotations

import os
import resource
import select
import signal
import socket
import time
import traceback

from shanyrak_local import linux, proc
from shanyrak_local.logs import Sink
from shanyrak_local.spawn import NotStarted, start
from shanyrak_local.wire import Message, receive, send

STREAMS = ("stdout", "stderr")
GROWTH = 1 << 30
"""Bytes a second that a tree is taken to grow by, for how often its memory is looked at."""
LAZY = 5.0
"""Seconds between looks when nothing presses."""
SANDBOX_FAILED = 1 << 8
"""The wait status of a sandbox that could not start the command: exit code 1."""


class Worker:
    """Serves the attempts that the keeper sends on `sock`; `logs` is the open folder of logs."""

    def __init__(self, sock: socket.socket, logs: int, namespace: bool) -> None:
        self.sock, self.logs, self.namespace = sock, logs, namespace
        self.cpus = os.sched_getaffinity(0)
        self.pipes = [os.pipe2(os.O_CLOEXEC) for _ in STREAMS]
        for read, _ in self.pipes:
            os.set_blocking(read, False)
        self.null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def serve(self) -> None:
        """Run what comes until the keeper is gone."""
        while True:
            message = receive(self.sock)
            if message is None:
                return
            if message["op"] == "run":
                Attempt(self, message).run()
            # A stop that comes between attempts is for one that has ended: what ended first wins.

    # ---- the tree ---------------------------------------------------------------------------------------

    def members(self) -> list[int]:
        """Processes of the attempt."""
        if self.namespace:
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        return proc.descendants(os.getpid())

    def signal_all(self, number: int) -> None:
        """Signal every process of the attempt."""
        if self.namespace:
            try:
                os.kill(-1, number)
            except ProcessLookupError:
                pass
            return
        for pid in self.members():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def sweep(self) -> None:
        """Kill what is left, and return when no process of the attempt exists."""
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0]:
                    continue
                self.signal_all(signal.SIGKILL)
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


class Attempt:
    """One attempt from its start to the message that it has ended."""

    def __init__(self, worker: Worker, job: Message) -> None:
        self.worker, self.job = worker, job
        self.sinks = [Sink(worker.logs, name, job["log_limit"]) for name in job["log_names"]]
        self.cause = self.words = ""
        self.peak = 0
        self.kill_at = 0.0

    def run(self) -> None:
        worker, job = self.worker, self.job
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.sched_setaffinity(0, job["cpus"] or worker.cpus)
        started_ms, begun = time.time_ns() // 1_000_000, time.monotonic()
        try:
            pid = start(job, worker.null, [pipe[1] for pipe in worker.pipes])
        except NotStarted as problem:
            worker.sweep()
            os.chdir("/")
            self.drain()
            words = self.sandbox_words() or str(problem)
            send(worker.sock, {"op": "refused", "words": words, "fault": problem.user_fault})
            return
        send(worker.sock, {"op": "started"})
        status = self.watch(pid, begun)
        ended, ended_ms = time.monotonic(), time.time_ns() // 1_000_000
        worker.sweep()
        os.chdir("/")
        self.drain()
        if not self.cause and status == SANDBOX_FAILED and (words := self.sandbox_words()):
            self.cause, self.words = "launch", words
        for sink in self.sinks:
            sink.close()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        send(
            worker.sock,
            {
                "op": "ended",
                "began": started_ms,
                "at": ended_ms,
                "ran": round((ended - begun) * 1000),
                "code": None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status),
                "sig": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                "cause": self.cause,
                "words": self.words,
                "cpu": round(cpu * 1000),
                "mem": self.peak,
            },
        )

    def sandbox_words(self) -> str:
        """What bubblewrap itself said on stderr before any command ran; empty when it said nothing."""
        line = self.sinks[1].first_line() if self.job["box"] else ""
        return line if line.startswith("bwrap: ") else ""

    def drain(self) -> None:
        for (read, _), sink in zip(self.worker.pipes, self.sinks, strict=True):
            sink.drain(read)

    def watch(self, pid: int, begun: float) -> int:
        """Keep the limits until the command ends; its wait status."""
        worker, job = self.worker, self.job
        poll = select.poll()
        child = os.pidfd_open(pid)
        poll.register(child, select.POLLIN)
        poll.register(worker.sock, select.POLLIN)
        for read, _ in worker.pipes:
            poll.register(read, select.POLLIN)
        walltime = begun + job["walltime"] / 1000 if job["walltime"] else float("inf")
        look = begun + 0.05
        try:
            while True:
                now = time.monotonic()
                due = min(look, walltime if not self.cause else float("inf"), self.kill_at or float("inf"))
                ready = {fd for fd, _ in poll.poll(max(0.0, due - now) * 1000 + 0.5)}
                if child in ready:
                    return os.waitpid(pid, 0)[1]
                if worker.sock.fileno() in ready and not self.heed():
                    worker.sweep()
                    os._exit(1)
                self.drain()
                now = time.monotonic()
                if now >= walltime and not self.cause:
                    self.end(
                        "walltime", f"it ran longer than its walltime of {job['walltime'] / 1000:g} s", job["grace"]
                    )
                if now >= look:
                    look = now + self.measure(now - begun)
                if self.kill_at and now >= self.kill_at:
                    self.kill_at = now + 1
                    worker.signal_all(signal.SIGKILL)
        finally:
            os.close(child)

    def heed(self) -> bool:
        """Read a message of the keeper; False when it is gone."""
        message = receive(self.worker.sock)
        if message is None:
            return False
        if message["op"] == "stop" and not self.cause:
            self.end(message["cause"], message["words"], self.job["grace"])
        return True

    def end(self, cause: str, words: str, grace: float) -> None:
        """Ask every process to end, and kill after the grace time (at once when it is 0)."""
        self.cause, self.words = cause, words
        self.kill_at = time.monotonic() + grace
        if grace > 0:
            self.worker.signal_all(signal.SIGTERM)
            self.worker.signal_all(signal.SIGCONT)

    def measure(self, age: float) -> float:
        """Look at the memory of the tree, end it over its limit; seconds until the next look."""
        members = self.worker.members()
        used = sum(map(proc.resident, members))
        limit = self.job["memory"]
        if limit and used > limit and len(members) > 1:
            used = sum(map(proc.proportional, members))
        self.peak = max(self.peak, used)
        if limit and used > limit and not self.cause:
            self.end("memory", f"it used {used} bytes of memory, over its limit of {limit}", 0)
        near = 0.1 if used * 2 > limit else 0.5
        room = max(near, (limit - used) / GROWTH) if limit else LAZY
        return min(max(0.05, age / 10), room, LAZY)


def gain_rights() -> None:
    """Get the right to make namespaces: root has it, others own a user namespace. One thread only."""
    if os.geteuid() != 0:
        linux.enter_user_namespace()


def fork(sock: socket.socket, logs: int, namespace: bool, keep: tuple[int, ...]) -> int:
    """Fork a worker that serves `sock`; its pid. It waits for a first message before it does anything.

    A process cannot make its own second child namespace, so a short-lived process between makes it; the worker
    then becomes the child of this process, which is a sub-reaper.
    """
    if not namespace:
        pid = os.fork()
        if pid == 0:
            _enter(sock, logs, False, keep)
        return pid
    read, write = os.pipe2(os.O_CLOEXEC)
    between = os.fork()
    if between == 0:
        try:
            linux.unshare(linux.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                _enter(sock, logs, True, keep)
            os.write(write, str(pid).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(between, 0)
    told = os.read(read, 32)
    os.close(read)
    if not told:
        raise OSError("no new pid namespace can be made")
    return int(told)


def _enter(sock: socket.socket, logs: int, namespace: bool, keep: tuple[int, ...]) -> None:
    """Become a worker in a process that was just forked; never returns."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        close_all_but((0, 1, 2, sock.fileno(), logs, *keep))
        sock.setblocking(True)
        if receive(sock) is not None:
            if namespace:
                linux.die_with_parent(signal.SIGKILL)
                fresh_proc()
            else:
                linux.become_subreaper()
            server = Worker(sock, logs, namespace)
            try:
                server.serve()
                code = 0
            finally:  # The keeper may be gone at any word to it: then too nothing is left behind.
                server.sweep()
    except BrokenPipeError:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def fresh_proc() -> None:
    """Give this process and its children a /proc that shows their own pid namespace."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", "", linux.MS_REC | linux.MS_SLAVE)
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)


def close_all_but(keep: tuple[int, ...]) -> None:
    """Close every descriptor that is not named."""
    low = 0
    for fd in sorted(set(keep)):
        if low < fd:  # An empty range would reach the kernel as "up to the last".
            os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 1 << 20)
