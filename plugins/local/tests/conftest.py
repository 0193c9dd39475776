"""A laboratory: one engine in a folder of its own, real processes, and nothing left running afterwards."""

from __future__ import annotations

import os
import pwd
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shanyrak.api import EngineContext, Launch, Launched, Node, Seen
from shanyrak_local import lock, proc, wire
from shanyrak_local.engine import LocalEngine, make
from shanyrak_local.isolation import Isolation, choose
from shanyrak_local.settings import Settings

PATIENCE = 60.0


class Lab:
    """Makes engines on one folder, launches, waits; every wait has the same generous patience."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.folder = folder / "engine"
        self.work = folder / "work"
        self.work.mkdir()
        self.tokens: set[str] = set()
        self.engines: list[LocalEngine] = []
        self.engine = self.make()

    def make(self, nodes: tuple[Node, ...] = (), **settings: object) -> LocalEngine:
        chosen = Settings(**{"isolation": self.kind, "grace": 0.5, **settings})
        self.engine = make(EngineContext("pool", str(self.folder), chosen, nodes))
        self.engines.append(self.engine)
        return self.engine

    def build(self, token: str, *argv: str, **changes: object) -> Launch:
        """A launch of a command, by default in the work folder with nothing but a PATH."""
        self.tokens.add(token)
        fields = {
            "token": token, "workload": 7, "task": 3, "bundle": "", "argv": argv, "env": {"PATH": "/usr/bin:/bin"},
            "secrets": {}, "cwd": str(self.work), "outputs": (), "nodes": (("n1", 1),), "unit": "cpu", "cpus": 0,
            "memory": 0, "walltime_ms": 0, "user": pwd.getpwuid(os.getuid()).pw_name,
        }  # fmt: skip
        return Launch(**{**fields, **changes})

    def launch(self, token: str, *argv: str, **changes: object) -> Launched:
        return self.engine.launch([self.build(token, *argv, **changes)])[0]

    def see(self, token: str) -> Seen:
        return self.engine.observe([token])[0]

    def end(self, *tokens: str) -> Seen:
        """Wait until each has ended; what is seen of the first."""
        until = time.monotonic() + PATIENCE
        while any(seen.state == "running" for seen in self.engine.observe(tokens)):
            assert time.monotonic() < until, f"still running: {self.engine.observe(tokens)}"
            self.engine.wait(0.5)
        return self.see(tokens[0])

    def run(self, token: str, *argv: str, **changes: object) -> Seen:
        answer = self.launch(token, *argv, **changes)
        assert not answer.refused, answer
        return self.end(token)

    def out(self, token: str, stream: str = "stdout") -> str:
        return self.engine.logs(token, stream, 0, 1 << 30).decode()

    def keeper(self) -> int:
        """The keeper's pid."""
        sock = wire.connect(self.folder)
        wire.send(sock, {"op": "hello"})
        hello = wire.receive(sock)
        sock.close()
        assert hello is not None
        return int(hello["pid"])

    def clean_up(self) -> None:
        try:
            facts = self.engine._reader.refresh()
            if lock.held(self.folder) and facts.live():
                self.engine.stop(facts.live())
        finally:
            for engine in self.engines:
                engine.close()
        try:
            os.kill(self.keeper(), signal.SIGTERM)
        except OSError:
            pass
        eventually(lambda: not lock.held(self.folder), "the keeper leaves when it is not needed")


def eventually(check: Callable[[], object], what: str) -> None:
    """Wait until a check holds."""
    until = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.01)


def find(mark: str) -> list[int]:
    """Live processes with an argument that is exactly `mark`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in arguments and (proc.stat_fields(int(entry.name)) or "Z")[0] not in "ZX":
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="session")
def works(tmp_path_factory: pytest.TempPathFactory) -> Isolation:
    """The best isolation of this machine."""
    return choose(Settings(), tmp_path_factory.mktemp("probe"))


@pytest.fixture
def lab_of(tmp_path: Path, works: Isolation) -> Iterator[Callable[[str], Lab]]:
    labs: list[Lab] = []

    def create(kind: str) -> Lab:
        if kind == "bwrap" and works.kind != "bwrap":
            pytest.skip("bubblewrap does not work on this machine")
        if kind == "namespace" and works.kind == "subreaper":
            pytest.skip("pid namespaces cannot be made on this machine")
        labs.append(Lab(tmp_path, kind))
        return labs[-1]

    yield create
    for lab in labs:
        lab.clean_up()


@pytest.fixture(params=["namespace", "none", "bwrap"])
def lab(request: pytest.FixtureRequest, lab_of: Callable[[str], Lab]) -> Lab:
    """A laboratory of each kind of isolation."""
    return lab_of(request.param)


@pytest.fixture
def plain(lab_of: Callable[[str], Lab], works: Isolation) -> Lab:
    """A laboratory of the quickest kind that works here."""
    return lab_of("none" if works.kind == "subreaper" else "namespace")


@pytest.fixture
def box(lab_of: Callable[[str], Lab]) -> Lab:
    """A laboratory with bubblewrap."""
    return lab_of("bwrap")


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> str:
    """An argument for `sleep` that no other process has."""
    return f"{os.getpid()}.{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], str], None]:
    return eventually


@pytest.fixture
def found() -> Callable[[str], list[int]]:
    return find


@pytest.fixture
def kill() -> Callable[[int], None]:
    return lambda pid: os.kill(pid, signal.SIGKILL)
