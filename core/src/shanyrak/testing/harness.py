"""How the conformance kit works with an engine, a store or a meter: what an author replaces where theirs is unlike others."""

from __future__ import annotations

import os
import pwd
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.exchange import EngineContext, Launch, MeterContext, Node, Sample, Seen, StoreContext, Stretch
from shanyrak.records import Engine, Meter, Store

if TYPE_CHECKING:
    from shanyrak.api import Engine as EngineProtocol
    from shanyrak.api import Instrument, JournalStore
    from shanyrak.testing.fakes import FakeEngine

PATIENCE_S = 120.0
"""How long anything may take before a test gives up."""


class Harness:
    """What all have: the record, its plugin, a folder that is empty at first, and the plugin's settings."""

    def __init__(self, record: Any, plugin: str, folder: Path, settings: Any = None) -> None:
        self.record, self.plugin, self.folder, self.settings = record, plugin, folder, settings

    def target(self) -> Callable[[Any], Any]:
        """The code that the record names."""
        from shanyrak.plugins.loading import load

        function: Callable[[Any], Any] = load(self.record.target, self.plugin)
        return function

    def close(self) -> None:
        """Leave nothing behind. Called after each test."""


WORK = """
import json, os, subprocess, sys, time
folder, token, branch = sys.argv[1:4]
path = os.path.join(folder, token)
if branch == "trunk":
    with open(path + ".starts", "a") as starts:
        starts.write("start\\n")
    with open(path + ".env", "w") as env:
        json.dump(dict(os.environ), env)
    print("stdout of " + token, flush=True)
    print("stderr of " + token, file=sys.stderr, flush=True)
    if len(sys.argv) > 4:
        subprocess.Popen([sys.executable, "-c", sys.argv[4], folder, token, "branch"], start_new_session=True)
while not os.path.exists(path + ".end"):
    time.sleep(0.02)
code = int(open(path + ".end").read())
with open(path + ".over", "w") as over:
    over.write(str(int(time.time() * 1000)))
sys.exit(code)
"""
"""What the kit runs under real engines: it notes its start, prints, and goes on until a file says with which exit code to end."""


class EngineHarness(Harness):
    """For engines that run commands of this machine. Others replace `launch`, `let` and what tells of them."""

    record: Engine
    work: Path
    engines: list[EngineProtocol]
    tokens: list[str]

    def __init__(self, record: Engine, plugin: str, folder: Path, settings: Any = None) -> None:
        super().__init__(record, plugin, folder, settings)
        self.work = folder / "work"
        self.work.mkdir()
        self.engines, self.tokens = [], []

    def make(self, **changes: Any) -> EngineProtocol:
        """An engine over the harness's one folder; called again, another object over the same."""
        home = self.folder / "engine"
        home.mkdir(mode=0o700, exist_ok=True)
        fields: dict[str, Any] = {"nodes": (Node("node-0", 4, 4, 4 << 30),), "unit": "cpu", **changes}
        made: EngineProtocol = self.target()(EngineContext("pool", str(home), self.settings, **fields))
        self.engines.append(made)
        return made

    def launch(self, token: str, *, tree: bool = False, **changes: Any) -> Launch:
        """Work that runs until `let`; with `tree`, as a process and a child of it that got away into its own session."""
        self.tokens.append(token)
        argv = [sys.executable, "-c", WORK, str(self.work), token, "trunk", *([WORK] if tree else [])]
        fields: dict[str, Any] = {
            "workload": 1, "task": 0, "bundle": token, "argv": tuple(argv), "env": {"PATH": os.environ.get("PATH", "")},
            "secrets": {}, "cwd": str(self.work), "outputs": (), "nodes": (("node-0", 1),), "unit": "cpu", "cpus": 1,
            "memory": 1 << 30, "walltime_ms": 600_000, "user": pwd.getpwuid(os.geteuid()).pw_name, **changes,
        }  # fmt: skip
        return Launch(token, **fields)

    def let(self, engine: EngineProtocol, token: str, exit_code: int = 0) -> None:
        """The attempt ends now, with this exit code."""
        part = self.work / f"{token}.part"
        part.write_text(str(exit_code))
        part.rename(self.work / f"{token}.end")

    def begun(self, engine: EngineProtocol, token: str) -> int:
        """How often work really started under the token, waited for until it did once."""
        path = self.work / f"{token}.starts"
        eventually(path.exists, f"{token} starts")
        return len(path.read_text().splitlines())

    def never_begun(self, engine: EngineProtocol, token: str) -> bool:
        """Whether nothing ever started under the token."""
        return not (self.work / f"{token}.starts").exists()

    def over_ms(self, engine: EngineProtocol, token: str) -> int:
        """When the work really ended, by the wall clock, waited for."""
        path = self.work / f"{token}.over"
        eventually(lambda: path.exists() and path.read_text(), f"{token} ends")
        return int(path.read_text())

    def text(self, token: str, stream: str) -> bytes:
        """What the work prints to `stdout` or `stderr`."""
        return f"{stream} of {token}\n".encode()

    def processes(self, token: str) -> int:
        """How many processes of the attempt live on this machine."""
        found = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    found += token.encode() in (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
        return found

    def pass_time(self, seconds: float) -> None:
        """Time passes, on the engine's clock."""
        time.sleep(seconds)

    def reuse(self, engine: EngineProtocol, token: str) -> Callable[[], bool]:
        """The engine's own number of the attempt (a pid, a job's id), which has ended, is given to foreign work; gives
        whether that lives."""
        raise NotImplementedError("a plugin that claims `reuse` says how")

    def ended(self, engine: EngineProtocol, token: str) -> Seen:
        """What is seen of the token once it does not run any more."""
        until = time.monotonic() + PATIENCE_S
        while (seen := engine.observe([token])[0]).state == "running":
            assert time.monotonic() < until, f"still running: {seen}"
            engine.wait(0.1)
        return seen

    def close(self) -> None:
        if self.engines:
            engine = self.engines[-1]
            engine.stop(self.tokens)
            for token in self.tokens:
                self.ended(engine, token)
        for engine in self.engines:
            engine.close()


class FakeEngineHarness(EngineHarness):
    """For engines over a `FakeEngine`, where nothing runs and time passes when it is told to."""

    def fake(self, engine: EngineProtocol) -> FakeEngine:
        """The fake beneath an engine."""
        from shanyrak.testing.fakes import FakeEngine

        assert isinstance(engine, FakeEngine)
        return engine

    def let(self, engine: EngineProtocol, token: str, exit_code: int = 0) -> None:
        self.fake(engine).finish(token, exit_code=exit_code)

    def begun(self, engine: EngineProtocol, token: str) -> int:
        fakes = {id(fake): fake for fake in map(self.fake, self.engines)}  # several objects may share one
        return sum(fake.starts.count(token) for fake in fakes.values())

    def never_begun(self, engine: EngineProtocol, token: str) -> bool:
        return self.begun(engine, token) == 0

    def over_ms(self, engine: EngineProtocol, token: str) -> int:
        return self.fake(engine).runs[token].seen.ended_ms

    def pass_time(self, seconds: float) -> None:
        self.fake(self.engines[-1]).clock.advance(round(seconds * 1000))


class StoreHarness(Harness):
    """For stores whose URL names a file. Others replace `url`."""

    record: Store

    def url(self) -> str:
        """The URL of one store of its own, not made yet. The same for every harness over this folder."""
        return f"{self.record.scheme}:journal"

    def open(self, *, create: bool = False, wait_s: float = 20.0) -> JournalStore:
        """One more connection to it."""
        made: JournalStore = self.target()(StoreContext(self.url(), str(self.folder), self.settings, create, wait_s))
        return made


class MeterHarness(Harness):
    """For meters that need no instrument here. Others replace `feed`, and `stretch` for the nodes they know."""

    record: Meter

    def make(self) -> Instrument:
        """A meter over the harness's folder; called again, another object over the same."""
        home = self.folder / "meter"
        home.mkdir(mode=0o700, exist_ok=True)
        made: Instrument = self.target()(MeterContext(self.record.name, self.record.unit, str(home), self.settings))
        return made

    def stretch(self, token: str, **changes: Any) -> Stretch:
        """An attempt of ten seconds on one node."""
        fields: dict[str, Any] = {
            "workload": 1, "project": "p", "pool": "gpu", "unit": "gpu", "units": 8, "nodes": ("gpu-0",),
            "started_ms": 1_700_000_000_000, "ended_ms": 1_700_000_010_000, "ran_ms": 10_000, "cpu_ms": 4_000,
            "peak_memory": 1 << 30, **changes,
        }  # fmt: skip
        return Stretch(token, **fields)

    def feed(self, points: Sequence[tuple[int, int]]) -> None:
        """The instrument of node `gpu-0` gave these readings (ms since the epoch, value), and no others."""
        raise NotImplementedError("a plugin whose meter claims `counter` says how")

    def read(self, *stretches: Stretch) -> dict[str, Sample]:
        """What a new meter says of these, by token."""
        meter = self.make()
        try:
            return {sample.token: sample for sample in meter.read(stretches)}
        finally:
            meter.close()


def eventually(check: Callable[[], object], what: str) -> None:
    """Wait until a check holds. AssertionError when it never does."""
    until = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.02)
