"""How the conformance kit works with an engine that stands on a `FakeEngine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shanyrak.errors import EngineProblem
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.fakes import FakeEngine

if TYPE_CHECKING:
    from shanyrak.api import Engine

VERBS = ("nodes", "launch", "observe", "stop", "forget", "logs", "wait")


class FakeEngineHarness(EngineHarness):
    """For engines over a `FakeEngine`, where nothing runs and time passes when it is told to.

    Of what may be claimed it can do `daemon`, `hang`, `memory`, `nodes` and `signals`; for the others it is replaced.
    """

    def fake(self, engine: Engine) -> FakeEngine:
        """The fake beneath an engine."""
        assert isinstance(engine, FakeEngine)
        return engine

    def let(self, engine: Engine, token: str, exit_code: int = 0) -> None:
        if exit_code < 0:
            self.fake(engine).finish(token, signal=-exit_code)
        else:
            self.fake(engine).finish(token, exit_code=exit_code)

    def begun(self, engine: Engine, token: str) -> int:
        fakes = {id(fake): fake for fake in map(self.fake, self.engines)}  # several objects may share one
        return sum(fake.starts.count(token) for fake in fakes.values())

    def never_begun(self, engine: Engine, token: str) -> bool:
        return self.begun(engine, token) == 0

    def over_ms(self, engine: Engine, token: str) -> int:
        return self.fake(engine).runs[token].seen.ended_ms

    def lives(self, engine: Engine, token: str) -> int:
        return self.fake(engine).live().count(token)

    def processes(self, token: str) -> int:
        return self.lives(self.engines[-1], token)

    def pass_time(self, seconds: float) -> None:
        self.fake(self.engines[-1]).clock.advance(round(seconds * 1000))

    def eat(self, engine: Engine, token: str, size: int) -> None:
        if size > self.fake(engine).runs[token].launch.memory:
            self.fake(engine).finish(token, cause="memory")

    def kill_daemon(self, engine: Engine) -> None:
        for verb in VERBS:
            self.fake(engine).fail(verb, EngineProblem("the fake engine", "its daemon is dead"))

    def begin_daemon(self, engine: Engine) -> None:
        self.fake(engine).mend()

    def hang_daemon(self, engine: Engine) -> None:
        for verb in VERBS:
            self.fake(engine).fail(verb, EngineProblem("the fake engine", "its daemon does not answer"))

    def resume_daemon(self, engine: Engine) -> None:
        self.fake(engine).mend()

    def kill_node(self, engine: Engine, token: str) -> str:
        fake = self.fake(engine)
        name = fake.runs[token].launch.nodes[0][0]
        fake.down(name)
        return name

    def begin_node(self, engine: Engine, name: str) -> None:
        self.fake(engine).up(name)
