"""The keeper: the process that runs one attempt, keeps its limits and writes down its end.

It is in a session of its own and no descendant of Ray's, so that what becomes of Ray changes nothing for the work. The
process that Ray started (`front`) tells it when Ray asks for the end, and learns the exit code for Ray's own records.
"""

# ruff: noqa: PTH118
from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

from . import leases, linux, secrets
from .files import ROOM, Home, machine, touch
from .logs import Sink
from .tree import NotStarted, Tree

BEAT = 5.0
"""Seconds between signs of life."""
LOOK = 0.2
"""Seconds between looks for a stop."""
SECRETS = 60.0
"""Seconds that work waits for its secrets when the engine cannot be reached."""
GROWTH = 1 << 30
"""Bytes a second that a tree is taken to grow by, for how often its memory is looked at."""
STREAMS = ("stdout", "stderr")


class Over(Exception):
    """The attempt ends before its command was started: the cause, and why in words."""

    def __init__(self, cause: str, words: str) -> None:
        super().__init__(words)
        self.cause, self.words = cause, words


class Keeper:
    """Runs the attempt of a token, if it is the one that claims it."""

    def __init__(self, home: Home, job: dict[str, Any], front: socket.socket) -> None:
        self.home, self.job, self.front = home, job, front
        self.cause = self.words = ""
        self.kill_at = self.beaten = self.looked = 0.0
        self.peak = 0
        self.ours = False

    def serve(self) -> int:
        """All of it; the exit code for Ray."""
        part = self.home.part({}, ROOM)
        here = {"by": "node", "at": now(), "pid": os.getpid(), "start": linux.start_time(os.getpid()), **machine()}
        if not self.home.claim(here):
            os.unlink(part)  # noqa: PTH108
            say(f"{self.home.token} is not wanted here any more")
            return 0
        tree = None
        try:
            self.alive()
            env = self.prepare()
            tree = Tree()
            end = self.run(tree, env)
        except Over as over:
            end = self.result(cause=over.cause, words=over.words, isolation=[tree.isolation] if tree else [])
        except Exception as problem:
            if tree:
                tree.sweep()
            end = self.result(cause="node", words=f"its keeper failed: {type(problem).__name__}: {problem}"[:1000])
        self.write(end, part)
        if end["exit_code"] == 0 and not end["cause"]:
            return 0
        say(f"{self.home.token} ended: {end['cause'] or end['exit_code']} {end['words']}")
        return end["exit_code"] or 1

    def result(self, **facts: Any) -> dict[str, Any]:
        """An end: nothing ran, but for what is said."""
        return {
            "started_ms": 0, "ended_ms": now(), "ran_ms": 0, "exit_code": None, "signal": 0, "cause": "", "words": "",
            "fenced": True, "cpu_ms": 0, "peak_memory": 0, "isolation": [], **facts,
        }  # fmt: skip

    def write(self, end: dict[str, Any], part: str) -> None:
        """Write the end, however long it takes until the spool can be written again; Ray has its room back meanwhile."""
        while True:
            try:
                self.home.end(end, part)
                return
            except OSError as problem:
                if not os.path.exists(self.home.path) and os.path.exists(self.home.spool):  # noqa: PTH110
                    say(f"the folder of {self.home.token} was removed")
                    return
                say(f"the end of {self.home.token} cannot be written: {problem}")
                self.front.close()
                time.sleep(1)

    # ---- before the start -------------------------------------------------------------------------------

    def prepare(self) -> dict[str, str]:
        """The environment of the command, when it has its GPUs and its secrets. Raises Over when it is not to start."""
        job = self.job
        env = dict(job["env"])
        env["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus())
        if job["secrets"]:
            env.update(self.secrets())
        env.update(job["own"])
        return env

    def gpus(self) -> list[str]:
        """The GPUs that Ray gave, or others where work that outlived a Ray head still has those."""
        wanted = [name for name in self.job["gpus_given"].split(",") if name] if self.job["gpus"] else []
        if not wanted:
            return []
        folder = os.path.join(self.home.spool, "leases", machine()["boot"])
        while (found := leases.take(folder, wanted, self.job["gpus_there"])) is None:
            self.wait("a GPU of its node is still held by work that outlived a Ray head")
        return found

    def secrets(self) -> dict[str, str]:
        """The secrets, from the engine that lives now."""
        until, why = time.monotonic() + SECRETS, "the engine does not know them any more"
        while time.monotonic() < until:
            where = self.home.read("ask.json") or {}
            try:
                found = secrets.ask(where, self.home.token, 5.0)
            except (OSError, ValueError, KeyError) as problem:
                why, found = f"the engine cannot be reached: {problem}", None
            if found is not None:
                return found
            self.wait("its secrets cannot be had: " + why)
        raise Over("node", f"its secrets cannot be had: {why}")

    def wait(self, words: str) -> None:
        """Say what it waits for, and wait a moment. Raises Over when a stop was asked for."""
        if not self.home.there("note"):
            self.home.write("note", {"words": words})
        until = time.monotonic() + 1
        while time.monotonic() < until:
            self.alive()
            if (asked := self.asked()) is not None:
                raise Over(*asked)
            time.sleep(LOOK)

    def alive(self) -> None:
        """A sign of life, when it is time for one."""
        if time.monotonic() - self.beaten >= BEAT:
            self.beaten = time.monotonic()
            touch(self.home.at("beat"))

    def asked(self) -> tuple[str, str] | None:
        """The cause and the words of a stop that was asked for, by the engine or through Ray."""
        if self.home.there("stop.json"):
            return "stopped", "stopped"
        ready, _, _ = select.select([self.front], [], [], 0)
        if ready and self.front.recv(1) == b"T":
            return "stopped", "stopped on the Ray cluster, not through Shanyrak"
        return None

    # ---- while it runs ----------------------------------------------------------------------------------

    def run(self, tree: Tree, env: dict[str, str]) -> dict[str, Any]:
        """Start the command, watch it, and be sure that nothing of it is left; its end."""
        if (asked := self.asked()) is not None:
            raise Over(*asked)
        pipes = [os.pipe() for _ in STREAMS]
        sinks = []
        for (read, _), name in zip(pipes, STREAMS):  # noqa: B905  (strict= is not in Python 3.9)
            os.set_blocking(read, False)
            sinks.append(Sink(read, self.home.at(name), self.job["log_limit"]))
        kills = linux.memory_kills()
        pid = tree.prepare(self.job, env, [write for _, write in pipes])
        for _, write in pipes:
            os.close(write)
        started_ms, begun = now(), time.monotonic()
        self.home.write("start.json", {"at": started_ms, "pid": pid, "isolation": [tree.isolation]})
        self.home.news()
        facts: dict[str, Any] = {"started_ms": started_ms, "isolation": [tree.isolation]}
        try:
            tree.release()
        except NotStarted as problem:
            return self.result(**facts, cause="launch", words=str(problem))
        status = self.watch(tree, sinks, begun)
        ended_ms, ran = now(), time.monotonic() - begun
        tree.sweep()
        for sink in sinks:
            sink.drain()
            sink.close()
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if number == signal.SIGKILL and not self.cause and linux.memory_kills() > kills:
            self.cause, self.words = "memory", "the kernel of its node killed it for want of memory"
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return self.result(
            **facts,
            ended_ms=ended_ms,
            ran_ms=round(ran * 1000),
            exit_code=None if number else os.WEXITSTATUS(status),
            signal=number,
            cause=self.cause,
            words=self.words,
            cpu_ms=round((used.ru_utime + used.ru_stime) * 1000),
            peak_memory=self.peak,
        )

    def watch(self, tree: Tree, sinks: list[Sink], begun: float) -> int:
        """Keep the limits until the command ends; its wait status."""
        poll = select.poll()
        for fd in (tree.watched(), *(sink.pipe for sink in sinks)):
            poll.register(fd, select.POLLIN)
        deadline = begun + self.job["walltime_ms"] / 1000 if self.job["walltime_ms"] else float("inf")
        look = begun
        while True:
            left = min(LOOK, max(0.0, deadline - time.monotonic()) + 0.001 if not self.cause else LOOK)
            for fd, event in poll.poll(left * 1000):
                if (
                    event & (select.POLLHUP | select.POLLERR)
                    and not event & select.POLLIN
                    and fd in (s.pipe for s in sinks)
                ):
                    poll.unregister(fd)  # All who could write are gone.
            for sink in sinks:
                sink.drain()
            status = tree.ended()
            if status is not None:
                return status
            current = time.monotonic()
            self.alive()
            if current >= deadline and not self.cause:
                seconds = self.job["walltime_ms"] / 1000
                self.stop(tree, "walltime", f"it ran longer than its walltime of {seconds:g} s", self.job["grace"])
            if current - self.looked >= LOOK and not self.cause:
                self.looked = current
                if (asked := self.asked()) is not None:
                    self.stop(tree, *asked, self.job["grace"])
            if current >= look:
                look = current + self.measure(tree)
            if self.kill_at and current >= self.kill_at:
                self.kill_at = current + 1
                tree.signal_all(signal.SIGKILL)

    def stop(self, tree: Tree, cause: str, words: str, grace: float) -> None:
        """Ask every process to end, and kill after the grace time (at once when it is 0)."""
        self.cause, self.words = cause, words
        self.kill_at = time.monotonic() + grace
        if grace > 0:
            tree.signal_all(signal.SIGTERM)
            tree.signal_all(signal.SIGCONT)

    def measure(self, tree: Tree) -> float:
        """Look at the memory of the tree, end it over its limit; seconds until the next look."""
        members = tree.members()
        used = sum(map(linux.resident, members))
        limit = self.job["memory"]
        if limit and used > limit and len(members) > 1:
            used = sum(map(linux.proportional, members))
        self.peak = max(self.peak, used)
        if limit and used > limit and not self.cause:
            self.stop(tree, "memory", f"it used {used} bytes of memory, over its limit of {limit}", 0)
        return min(5.0, max(0.1, (limit - used) / GROWTH)) if limit else 5.0


def say(line: str) -> None:
    """Write a line into Ray's log of the job, if that can be written."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        pass


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
