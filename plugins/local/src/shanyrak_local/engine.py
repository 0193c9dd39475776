"""The engine `local`: what the controller calls. It asks the keeper to act, and reads the book to observe."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from shanyrak.api import TOKEN, EngineContext, EngineProblem, Launch, Launched, Node, Seen, read_slice

from shanyrak_local import boot, isolation, lock, request, wire
from shanyrak_local.book import Facts, Reader, Record, Writer
from shanyrak_local.logs import log_name
from shanyrak_local.recover import recover
from shanyrak_local.settings import Settings

LEAST_DISK = 1 << 20
PATIENCE = 30.0
"""Seconds to find or start a keeper."""


def make(context: EngineContext) -> LocalEngine:
    """The engine of a pool; `EngineProblem` when the isolation its settings ask for does not work here."""
    return LocalEngine(context)


class LocalEngine:
    """`shanyrak.api.Engine` for this machine, which plays every declared node. Safe to call from several threads."""

    def __init__(self, context: EngineContext) -> None:
        self.context = context
        self.settings: Settings = context.settings or Settings()
        self.folder = Path(context.folder)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as problem:
            raise EngineProblem(f"engine local in {self.folder}", str(problem.strerror)) from None
        self.isolation = isolation.choose(self.settings, self.folder)
        self._builder = request.Builder(context.nodes, self.settings, self.isolation, self.folder)
        self._reader = Reader(self.folder)
        self._keeper: socket.socket | None = None
        self._watch: socket.socket | None = None
        self._reading, self._asking = threading.Lock(), threading.Lock()

    # ---- the protocol -----------------------------------------------------------------------------------

    def nodes(self) -> Sequence[Node]:
        """The declared nodes, as they are; without a declaration, this machine as one node."""
        from shanyrak_local import machine

        nodes = self.context.nodes or (machine.describe(unit=self.context.unit),)
        if machine.free_disk(self.folder) >= LEAST_DISK:
            return nodes
        return [replace(node, up=False, reason=f"no space is left in {self.folder}") for node in nodes]

    def launch(self, launches: Sequence[Launch]) -> Sequence[Launched]:
        """See `api.Engine.launch`. What cannot run at all is refused here; the rest goes to the keeper at once."""
        answers: dict[int, Launched] = {}
        jobs, places = [], []
        for place, launch in enumerate(launches):
            if not TOKEN.fullmatch(launch.token):
                answers[place] = Launched(launch.token, refused="not a token that can name a file")
                continue
            jobs.append(launch)
            places.append(place)
        with self._reading:
            known = self._reader.refresh().starts
        messages: list[wire.Message] = []
        kept = []
        for place, launch in zip(places, jobs, strict=True):
            built = {"token": launch.token} if launch.token in known else self._builder.build(launch)
            if isinstance(built, Launched):
                answers[place] = built
            else:
                messages.append({**built, "not_after": launch.not_after_ms})
                kept.append(place)
        if messages:
            reply = self._ask({"op": "launch", "jobs": messages}, start=True)
            for place, answer in zip(kept, reply["answers"], strict=True):
                answer["isolation"] = tuple(answer.get("isolation", ()))
                answers[place] = Launched(**answer)
        return [answers[place] for place in range(len(launches))]

    def observe(self, tokens: Sequence[str]) -> Sequence[Seen]:
        """See `api.Engine.observe`. Costs one stat of the book when nothing happened."""
        with self._reading:
            facts = self._reader.refresh()
            starts, ends = facts.starts, facts.ends
            if any(token in starts and token not in ends for token in tokens):
                facts = self._settle_dead(facts)
            cache = facts.seen
            for token in tokens:
                if token not in cache and token in facts.starts:
                    cache[token] = _seen(token, facts)
            return [cache[token] if token in cache else _seen(token, facts) for token in tokens]

    def stop(self, tokens: Sequence[str]) -> None:
        """See `api.Engine.stop`. Returns when the keeper knows; the grace time is the keeper's to wait."""
        if tokens:
            reply = self._ask({"op": "stop", "tokens": list(tokens)}, start=True)
            if reply["failed"]:
                raise EngineProblem("stop", reply["failed"], "free some space; it can be asked again")

    def forget(self, tokens: Sequence[str]) -> None:
        """See `api.Engine.forget`."""
        if tokens:
            self._ask({"op": "forget", "tokens": list(tokens)}, start=True)

    def logs(self, token: str, stream: str, offset: int, limit: int) -> bytes:
        """See `api.Engine.logs`. Empty for an unknown token, or when nothing was written."""
        if stream not in ("stdout", "stderr"):
            raise EngineProblem(f"logs of {token}", f"no stream is called {stream!r}", "ask for stdout or stderr")
        if not TOKEN.fullmatch(token):
            return b""
        try:
            with open(self.folder / "logs" / log_name(token, stream), "rb") as file:
                return read_slice(file.fileno(), offset, limit)
        except FileNotFoundError:
            return b""

    def wait(self, timeout_s: float) -> None:
        """See `api.Engine.wait`: the keeper says when something ended."""
        until = time.monotonic() + timeout_s
        watch = self._watch or self._subscribe(timeout_s)
        if watch is None:
            time.sleep(max(0.0, until - time.monotonic()))
            return
        ready, _, _ = select.select([watch], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return
        try:
            if watch.recv(1 << 16):
                return
        except OSError:
            pass
        watch.close()
        self._watch = None

    def close(self) -> None:
        """See `api.Engine.close`: only the connections go."""
        with self._asking:
            for sock in (self._keeper, self._watch):
                if sock is not None:
                    sock.close()
            self._keeper = self._watch = None

    # ---- the keeper -------------------------------------------------------------------------------------

    def _ask(self, message: wire.Message, start: bool) -> wire.Message:
        """Send a message and take its reply; every message may be sent again after a keeper went away."""
        until, pause, why = time.monotonic() + PATIENCE, 0.0, "it went away each time"
        with self._asking:
            while time.monotonic() < until:
                try:
                    if self._keeper is None:
                        self._keeper = self._connect(self.settings.timeout, start)
                    wire.send(self._keeper, message)
                    reply = wire.receive(self._keeper)
                    if reply is not None:
                        return reply
                except TimeoutError:
                    why = f"it gave no answer in {self.settings.timeout:g} s"
                    until = 0.0  # what was asked may still be done: whoever asked asks again
                except OSError as problem:
                    why = str(problem.strerror or problem)
                if self._keeper is not None:
                    self._keeper.close()
                    self._keeper = None
                time.sleep(pause)
                pause = min(pause + 0.01, 0.2)
        raise EngineProblem(f"the keeper in {self.folder}", why, f"see {self.folder / 'keeper.log'}")

    def _connect(self, timeout_s: float, start: bool) -> socket.socket:
        """A connection on which a keeper has said that it lives, and which of us it understands."""
        try:
            sock = wire.connect(self.folder)
        except OSError:
            if not start:
                raise
            said = boot.start_keeper(self.folder)
            if "failed" in said:
                raise EngineProblem("engine local", f"its keeper cannot start: {said['failed']}") from None
            if "busy" in said:
                time.sleep(0.02)
            sock = wire.connect(self.folder)
        try:
            sock.settimeout(timeout_s)
            wire.send(sock, {"op": "hello"})
            hello = wire.receive(sock)
            if hello is None:
                raise OSError("the keeper went away")
            if hello["version"] != wire.VERSION:
                raise EngineProblem(
                    "engine local",
                    f"the keeper (pid {hello['pid']}) is of another version of this plugin",
                    "wait for its work to end; a new one starts by itself",
                )
        except (OSError, EngineProblem):
            sock.close()
            raise
        return sock

    def _subscribe(self, timeout_s: float) -> socket.socket | None:
        """A connection on which the keeper tells of ends; None when no keeper lives, or none that answers in time."""
        try:
            sock = self._connect(max(0.001, timeout_s), start=False)
            wire.send(sock, {"op": "watch"})
        except OSError:
            return None
        self._watch = sock
        return sock

    def _settle_dead(self, facts: Facts) -> Facts:
        """When the keeper of live attempts is dead, prove and write down their end; the facts then."""
        if lock.held(self.folder):
            return facts
        fd = lock.take(self.folder)
        if fd is None:
            return facts
        try:
            writer = Writer(self.folder)
            recover(writer, fd)
            writer.close()
        finally:
            os.close(fd)
        return self._reader.refresh()


def _seen(token: str, facts: Facts) -> Seen:
    start, end = facts.starts.get(token), facts.ends.get(token)
    if start is None:
        if token in facts.fences:
            return Seen(token, "absent", words="it was stopped before it was launched", fenced=True)
        if facts.damaged:
            return Seen(token, "unknown", words=f"{facts.damaged} lines of the engine's book are damaged")
        if facts.never_ran(token):
            return Seen(token, "absent", fenced=True)
        return Seen(token, "absent", words="the engine's folder has no record of it")
    if end is None:
        return Seen(token, "running", started_ms=start["at"], isolation=tuple(start["iso"]))
    return Seen(token, "ended", **_result(start, end))


def _result(start: Record, end: Record) -> dict[str, Any]:
    return {
        "started_ms": end.get("began", start["at"]),
        "ended_ms": end["at"],
        "ran_ms": end["ran"],
        "exit_code": end["code"],
        "signal": end["sig"],
        "cause": end["cause"],
        "words": end["words"],
        "fenced": end["fenced"],
        "cpu_ms": end["cpu"],
        "peak_memory": end["mem"],
        "isolation": tuple(start["iso"]),
    }
