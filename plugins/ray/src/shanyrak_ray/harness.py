"""How the conformance kit tries the engine: on a Ray head of its own, which it may kill, hang and fill."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shanyrak.api import Engine, EngineRecord
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import eventually

from shanyrak_ray.engine import RayEngine
from shanyrak_ray.head import Node
from shanyrak_ray.http import Dashboard
from shanyrak_ray.settings import Settings
from shanyrak_ray.trial import cluster

UNITS = 4


class RayHarness(EngineHarness):
    """One head for all tests of a run; each has a spool of its own."""

    shared: Node
    knows_ends = True

    @classmethod
    @contextmanager
    def session(cls, folder: Path, settings: Any) -> Iterator[Node]:
        with cluster(gpus=UNITS, cpus=UNITS) as node:
            _warm(node, folder)
            yield node

    def __init__(self, record: EngineRecord, plugin: str, folder: Path, settings: Any = None) -> None:
        super().__init__(record, plugin, folder, settings)
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(self.shared.token)
        self._site = {"address": self.shared.url, "token_file": str(token), "timeout": 15.0, "grace": 1.0}
        self.settings = (settings or Settings()).model_copy(update=self._site)
        self._dead = self._hung = False
        self._foreign: list[str] = []

    def facility(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        pool, _ = super().facility()
        return pool, self._site

    def close(self) -> None:
        self.mend()
        super().close()
        ray = Dashboard(self.settings)
        for id_ in self._foreign:
            self._end(ray, id_)
        ray.close()

    def mend(self) -> None:
        """What a test left dead or hanging works again."""
        if self._hung:
            self._hung = False
            self.shared.signal(signal.SIGCONT, "dashboard")
        if self._dead:
            self._dead = False
            self.shared.begin()

    # ---- what is claimed --------------------------------------------------------------------------------

    def kill_daemon(self, engine: Engine) -> None:
        """All of Ray at once, as when its machine's service manager loses patience; only what runs for us is left."""
        self._dead = True
        self.shared.kill(work=False)

    def begin_daemon(self, engine: Engine) -> None:
        self.shared.begin()
        self._dead = False

    def hang_daemon(self, engine: Engine) -> None:
        self._hung = True
        self.shared.signal(signal.SIGSTOP, "dashboard")

    def resume_daemon(self, engine: Engine) -> None:
        self.shared.signal(signal.SIGCONT, "dashboard")
        self._hung = False

    def fill(self, engine: Engine) -> Callable[[], None]:
        ray = self._engine(engine).ray
        id_ = f"foreign-{secrets.token_hex(4)}"
        self._begin(ray, id_, UNITS)
        eventually(lambda: self._state(ray, id_) == "RUNNING", "foreign work fills the cluster")
        return lambda: self._end(ray, id_)

    def reuse(self, engine: Engine, token: str) -> Callable[[], bool]:
        """Ray forgets the job, and somebody submits another under its id; soon after, Ray itself takes that for the first."""
        ray, id_ = self._engine(engine).ray, self._engine(engine).id_of(token)
        while self._state(ray, id_) != "RUNNING":
            eventually(lambda: ray.delete(id_), f"Ray forgets {id_}")
            self._begin(ray, id_, 1)
            eventually(lambda: self._state(ray, id_) != "PENDING", f"Ray starts {id_} or loses it")
        return lambda: self._state(ray, id_) == "RUNNING"

    def kill_node(self, engine: Engine, token: str) -> str:
        """What keeps the work dies, and the work with it."""
        watch = self._engine(engine).watch
        claim = watch.claim(watch.home(token))
        assert claim is not None
        os.kill(claim["pid"], signal.SIGKILL)
        eventually(lambda: self.processes(token) == 0, f"{token} dies with its keeper")
        return ""

    # ---- within -----------------------------------------------------------------------------------------

    def _begin(self, ray: Dashboard, id_: str, cpus: int) -> None:
        self._foreign.append(id_)
        status, text = ray.submit({"submission_id": id_, "entrypoint": "exec sleep 600", "entrypoint_num_cpus": cpus})
        assert status == 200, text

    @staticmethod
    def _state(ray: Dashboard, id_: str) -> str:
        return str((ray.job(id_) or {"status": "STOPPED"})["status"])

    def _end(self, ray: Dashboard, id_: str) -> None:
        ray.stop(id_)
        eventually(lambda: self._state(ray, id_) in ("STOPPED", "FAILED"), f"{id_} ends")

    @staticmethod
    def _engine(engine: Engine) -> RayEngine:
        assert isinstance(engine, RayEngine)
        return engine


def _warm(node: Node, folder: Path) -> None:
    """The first job of a head takes long, on a busy machine longer than a call may take here: it is nobody's."""
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(node.token)
    ray = Dashboard(Settings(address=node.url, token_file=str(token), timeout=300.0))
    ray.submit({"submission_id": "warm", "entrypoint": "true"})
    eventually(lambda: (ray.job("warm") or {"status": ""})["status"] == "SUCCEEDED", "the head runs a first job")
    ray.close()
