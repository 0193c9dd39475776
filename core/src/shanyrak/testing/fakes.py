"""An engine in memory and a small site around it: what tests of the core, and of plugins, stand on.

`FakeEngine` keeps the contract of `api.Engine` and does what it is told: ends, refusals, silence, lost nodes, on a
clock of its own. `Bench` is a workspace whose pools run on fake engines, with a controller that steps by hand.

This module is also the entry point of a throw-away plugin, `fake`, which offers the engine `fake`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.exchange import EngineContext, Launch, Launched, Node, Seen
from shanyrak.hookspecs import hookimpl
from shanyrak.records import Engine, Plugin

if TYPE_CHECKING:
    from shanyrak.control.admit import Receipt
    from shanyrak.control.controller import Controller
    from shanyrak.control.site import Site
    from shanyrak.journal.clock import Clock
    from shanyrak.plugins.discovery import Found
    from shanyrak.plugins.manager import PluginManager

PLUGIN = Plugin("fake", "1", "An engine in memory, for tests.")
EPOCH = 1_700_000_000_000
"""Where a virtual clock begins, ms."""


class VirtualClock:
    """A wall clock and a monotonic one that move only when told."""

    def __init__(self, now: int = EPOCH) -> None:
        self.wall, self.mono = now, 50_000

    def advance(self, ms: int) -> None:
        """Time passes."""
        self.wall += ms
        self.mono += ms

    def step(self, ms: int) -> None:
        """Somebody sets the wall clock."""
        self.wall += ms

    def ledger(self) -> Clock:
        """A ledger clock over it."""
        from shanyrak.journal.clock import Clock

        return Clock(lambda: self.wall, lambda: self.mono)


@dataclass(slots=True)
class Run:
    """What a fake engine holds under one token. `hidden`: it answers `unknown`."""

    launch: Launch
    started: int
    seen: Seen
    hidden: bool = False

    @property
    def live(self) -> bool:
        return self.seen.state == "running"


class FakeEngine:
    """An engine in memory. It enforces walltime by its clock; everything else happens when a test says so.

    `starts` names each real start in order (a token twice is a defect of the caller or of this engine), `calls` each
    verb with its tokens. It outlives `close`, as a real engine's work does.
    """

    def __init__(self, nodes: Sequence[Node], clock: VirtualClock) -> None:
        self.clock = clock
        self.machines = {node.name: node for node in nodes}
        self.runs: dict[str, Run] = {}
        self.starts: list[str] = []
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.forgotten: list[str] = []
        self.fenced: set[str] = set()
        self.lasts: Callable[[Launch], int | None] = lambda launch: None
        """How long (ms) a launch runs until it ends well; None: until a test ends it."""
        self._failing: dict[str, BaseException | Callable[[], Any]] = {}
        self._refusing: list[tuple[str, bool]] = []
        self._pending = ""

    # ---- what tests say -------------------------------------------------------------------------------------

    def fail(self, verb: str, error: BaseException | Callable[[], Any]) -> None:
        """From now on `verb` raises `error`, or answers what it gives when it is called."""
        self._failing[verb] = error

    def mend(self, *verbs: str) -> None:
        """These verbs (all without arguments) work again."""
        for verb in verbs or list(self._failing):
            self._failing.pop(verb, None)

    def refuse(self, words: str, user_fault: bool = False, times: int = 1) -> None:
        """The next `times` launches are refused."""
        self._refusing += [(words, user_fault)] * times

    def pend(self, words: str) -> None:
        """What is launched from now on is accepted and waits, for this reason, until `begin`; empty: it starts at once."""
        self._pending = words

    def begin(self, token: str) -> None:
        """What waits starts now."""
        run = self.runs[token]
        self.starts.append(token)
        run.started = self.clock.wall
        run.seen = Seen(token, "running", started_ms=run.started, isolation=("memory",))

    def finish(self, token: str, *, exit_code: int | None = 0, ran_ms: int | None = None, **more: Any) -> None:
        """The attempt ends now; `more` are fields of `Seen`."""
        run = self._run(token)
        now = self.clock.wall
        ran = now - run.started if ran_ms is None else ran_ms
        code = None if more.get("signal") or more.get("cause") else exit_code
        facts: dict[str, Any] = {"exit_code": code, "fenced": True, **more}
        run.seen = replace(run.seen, state="ended", ended_ms=run.started + ran, ran_ms=ran, **facts)

    def vanish(self, token: str, fenced: bool = False) -> None:
        """The engine holds nothing under the token any more; `fenced`: it is sure that no process is left."""
        self._run(token).seen = Seen(token, "absent", fenced=fenced)

    def hide(self, token: str, hidden: bool = True) -> None:
        """The engine cannot tell what is with the token, or can again."""
        self._run(token).hidden = hidden

    def down(self, node: str, fenced: bool = True) -> None:
        """A node dies with what runs there."""
        self.machines[node] = replace(self.machines[node], up=False, reason="no heartbeat")
        for token, run in self.runs.items():
            if run.live and node in dict(run.launch.nodes):
                self.finish(token, cause="node", fenced=fenced, words=f"node {node} died")

    def up(self, node: str) -> None:
        self.machines[node] = replace(self.machines[node], up=True, reason="")

    def live(self) -> list[str]:
        """Tokens of what runs now."""
        self._pass_time()
        return [token for token, run in self.runs.items() if run.live]

    # ---- what the controller asks ---------------------------------------------------------------------------

    def nodes(self) -> Sequence[Node]:
        answer: list[Node] = self._answer("nodes", (), lambda: list(self.machines.values()))
        return answer

    def launch(self, launches: Sequence[Launch]) -> Sequence[Launched]:
        tokens = [one.token for one in launches]
        answer: list[Launched] = self._answer("launch", tokens, lambda: [self._launch(one) for one in launches])
        return answer

    def observe(self, tokens: Sequence[str]) -> Sequence[Seen]:
        answer: list[Seen] = self._answer("observe", tokens, lambda: [self._observe(token) for token in tokens])
        return answer

    def stop(self, tokens: Sequence[str]) -> None:
        def end() -> None:
            for token in tokens:
                self._stop(token)

        self._answer("stop", tokens, end)

    def forget(self, tokens: Sequence[str]) -> None:
        def drop() -> None:
            self.forgotten += tokens
            for token in tokens:
                self.runs.pop(token, None)

        self._answer("forget", tokens, drop)

    def logs(self, token: str, stream: str, offset: int, limit: int) -> bytes:
        text = f"{stream} of {token}\n".encode()
        answer: bytes = self._answer("logs", (token,), lambda: text[offset:][:limit])
        return answer

    def wait(self, timeout_s: float) -> None:
        self._answer("wait", (), lambda: self.clock.advance(round(timeout_s * 1000)))

    def close(self) -> None:
        self._answer("close", (), lambda: None)

    # ---- within ---------------------------------------------------------------------------------------------

    def _answer(self, verb: str, tokens: Sequence[str], answer: Callable[[], Any]) -> Any:
        self.calls.append((verb, tuple(tokens)))
        failing = self._failing.get(verb)
        if isinstance(failing, BaseException):
            raise failing
        if failing is not None:
            return failing()
        self._pass_time()
        return answer()

    def _run(self, token: str) -> Run:
        self._pass_time()
        return self.runs[token]

    def _pass_time(self) -> None:
        for run in self.runs.values():
            if run.live:
                ran, wanted = self.clock.wall - run.started, self.lasts(run.launch)
                limit = run.launch.walltime_ms
                if wanted is not None and wanted <= min(ran, limit):
                    run.seen = self._ended(run, wanted, exit_code=0)
                elif ran >= limit:
                    run.seen = self._ended(run, limit, cause="walltime")

    @staticmethod
    def _ended(run: Run, ran: int, **more: Any) -> Seen:
        return replace(run.seen, state="ended", ended_ms=run.started + ran, ran_ms=ran, fenced=True, **more)

    def _launch(self, launch: Launch) -> Launched:
        if launch.token in self.fenced:
            return Launched(launch.token, refused="it was stopped before it was launched", user_fault=False)
        if launch.token not in self.runs:
            if 0 < launch.not_after_ms < time.monotonic() * 1000:
                return Launched(launch.token, refused="it was asked for too late", user_fault=False)
            if self._refusing:
                words, user_fault = self._refusing.pop(0)
                return Launched(launch.token, refused=words, user_fault=user_fault)
            self.runs[launch.token] = Run(launch, 0, Seen(launch.token, "pending", words=self._pending))
            if not self._pending:
                self.begin(launch.token)
        return Launched(launch.token, handle=f"h-{launch.token}", isolation=("memory",))

    def _observe(self, token: str) -> Seen:
        run = self.runs.get(token)
        if run is None:
            return Seen(token, "absent", fenced=True)
        return Seen(token, "unknown") if run.hidden else run.seen

    def _stop(self, token: str) -> None:
        run = self.runs.get(token)
        if run is None:
            self.fenced.add(token)
        elif run.live:
            self.finish(token, cause="stopped", signal=15)
        elif run.seen.state == "pending":
            run.seen = Seen(token, "ended", cause="stopped", words="stopped before it started", fenced=True)


# ---- a site ---------------------------------------------------------------------------------------------------

_ENGINES: dict[str, FakeEngine] = {}
_CLOCKS: dict[str, VirtualClock] = {}


def engine_for(context: EngineContext) -> FakeEngine:
    """The one engine of this folder, with its clock; made when it is first asked for."""
    if context.folder not in _ENGINES:
        clock = _CLOCKS.get(str(Path(context.folder).parent.parent)) or VirtualClock()
        _ENGINES[context.folder] = FakeEngine(context.nodes, clock)
    engine = _ENGINES[context.folder]
    for node in context.nodes:
        engine.machines.setdefault(node.name, node)
    return engine


@hookimpl
def shanyrak_engines() -> list[Engine]:
    return [Engine("fake", "An engine in memory.", "shanyrak.testing.fakes:engine_for")]


def fake_plugin() -> Found:
    """The plugin `fake`, as if it were installed: for `PluginManager(finder=...)`."""
    import importlib_metadata

    from shanyrak.plugins.discovery import Found
    from shanyrak.plugins.names import GROUP

    return Found("fake", (importlib_metadata.EntryPoint("fake", "shanyrak.testing.fakes", GROUP),))


def installed(*names: str) -> Callable[[], list[Found]]:
    """A finder for `Bench`: these plugins, as they are installed."""

    def finder() -> list[Found]:
        from shanyrak.plugins.discovery import find

        return [found for found in find() if found.name in names]

    return finder


CPU = {"name": "cpu", "engine": "fake", "unit": "cpu", "nodes": 2, "units": 4, "cpus": 4, "memory": "8G"}
"""A pool of a bench that names none."""


@dataclass(slots=True)
class Bench:
    """A workspace on fake engines and a virtual clock. `finders` adds plugins beside `fake`."""

    folder: Path
    pools: Sequence[Mapping[str, Any]] = (CPU,)
    tables: Mapping[str, Any] = field(default_factory=dict)
    finders: Sequence[Callable[[], list[Found]]] = ()
    clock: VirtualClock = field(default_factory=VirtualClock)
    store: str = ""
    """`[accounts] store`, where it is not the core's own; `finders` then finds its plugin."""
    site: Site = field(init=False)

    @classmethod
    def of(cls, folder: Path, nodes: int, units: int = 8, unit: str = "gpu", **more: Any) -> Bench:
        """A facility of any size: one pool, named as its unit, of so many nodes with so many units."""
        pool = {"name": unit, "engine": "fake", "unit": unit, "nodes": nodes, "units": units, "cpus": 8 * units,
                "memory": f"{64 * units}G"}  # fmt: skip
        return cls(folder, [pool], **more)

    def __post_init__(self) -> None:
        from shanyrak.config.commons import Commons
        from shanyrak.control.site import Site

        _CLOCKS[str(self.folder.absolute())] = self.clock
        data = {"pools": list(self.pools), "policy": {"active": "kernel", "margin": "0s"}, **self.tables}
        if self.store:
            data["accounts"] = {"store": self.store, **data.get("accounts", {})}
        Site.create(self.folder, Commons.model_validate(data), self.manager(), self.clock.ledger()).close()
        self.site = self.open()

    def manager(self) -> PluginManager:
        """A manager that sees `fake` and what `finders` find, and nothing that is installed."""
        from shanyrak.plugins.manager import PluginManager
        from shanyrak.plugins.switches import read_switches

        def find() -> list[Found]:
            return sorted([fake_plugin(), *(one for finder in self.finders for one in finder())])

        return PluginManager(read_switches(self.folder, {}), finder=find)

    def open(self) -> Site:
        """The site once more, as another process opens it, on the same clock."""
        from shanyrak.control.site import Site

        return Site.open(self.folder, self.manager(), wait_s=2.0, clock=self.clock.ledger())

    def engine(self, pool: str = "cpu") -> FakeEngine:
        """The engine of a pool."""
        with self.site.journal.read() as rows:
            found = rows.one("SELECT id FROM pool WHERE name = ?", (pool,))
        assert found is not None, f"there is no pool {pool}"
        engine = self.site.engine(found[0])
        assert isinstance(engine, FakeEngine)
        return engine

    def fund(self, project: str = "p", amount: int = 1_000_000, unit: str = "cpu-second", **grant: Any) -> int:
        """A project, if it is new, and a grant for it; gives the grant's number."""
        if all(row["project"] != project for row in self.site.projects()):
            self.site.add_project(project, "startup", "an organisation")
        return self.site.add_grant(project, amount, unit, **grant)

    def run(self, project: str = "p", **spec: Any) -> Receipt:
        """Submit work; without a walltime it may run for a minute."""
        return self.site.submit({"project": project, "command": ["true"], "walltime": "60s", **spec})

    @contextmanager
    def controller(self) -> Iterator[Controller]:
        """The controller over a connection of its own, as in a process of its own; closed at the end."""
        site = self.open()
        try:
            acting = site.controller()
            try:
                yield acting
            finally:
                acting.close()
        finally:
            site.close()

    def state(self, id_: int) -> str:
        """The state of one workload and its reason, as `state/reason`."""
        with self.site.journal.read() as rows:
            found = rows.one("SELECT state, reason FROM workload WHERE id = ?", (id_,))
        assert found is not None
        return f"{found[0]}/{found[1]}"

    def types(self, after: int = 0) -> list[str]:
        """The types of all events above `after`, in order."""
        return [event.type for event in self.site.events(after)]

    def faults(self) -> list[str]:
        """All that can be proved wrong of the journal; empty when it is sound."""
        from shanyrak.control.proofs import verify_store

        return [fault for proof in verify_store(self.site.journal.store) for fault in proof["faults"]]


def settle(controller: Controller, rounds: int = 50) -> None:
    """Rounds until two in a row do nothing. AssertionError when that does not come: a round that is always busy."""
    still = 0
    for _ in range(rounds):
        still = 0 if controller.step() else still + 1
        if still == 2:
            return
    raise AssertionError(f"the controller is still busy after {rounds} rounds")
