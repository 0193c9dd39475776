"""A workspace on the local engine whose jobs write down each of their runs, and children that work on it."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("SHANYRAK_COMPILED", "0")  # hundreds of children: none may wait for a compiler

# What children need is imported before they are forked.
import shanyrak.control.now
import shanyrak.policy.drive
import shanyrak.policy.fallback
import shanyrak.policy.referee  # noqa: F401
import shanyrak_local.engine  # noqa: F401
from shanyrak.cli.main import main
from shanyrak.config.commons import Commons
from shanyrak.config.light import DEFAULT_STORE
from shanyrak.config.write import set_store
from shanyrak.control.controller import Controller
from shanyrak.control.site import Site
from shanyrak.control.store_copy import copy_store
from shanyrak.journal import points
from shanyrak.model.quantities import UNITS
from shanyrak_local import lock, wire

from faultlab.meter import with_lamp
from faultlab.processes import Child, eventually, with_argument

PROJECT = "p"
GRANT = 1_000 * UNITS["cpu-hour"][1]
_numbers = itertools.count()


def describe(policy: str = "kernel", units: int = 4) -> Commons:
    """One CPU pool on the local engine."""
    pool = {"name": "cpu", "engine": "local", "unit": "cpu", "nodes": 1, "units": units, "cpus": units, "memory": "8G"}
    return Commons.model_validate(
        {
            "site": {"name": "faults"},
            "pools": [pool],
            "policy": {"active": policy},
            "accounts": {"default_walltime": "60s"},
            "plugins": {"local": {"grace": 0.5}},
        }
    )


def template(folder: Path) -> Path:
    """A workspace with a project and a grant, to be copied."""
    site = Site.create(folder, describe())
    site.add_project(PROJECT, "startup", "Org")
    site.add_grant(PROJECT, GRANT, "cpu-second")
    site.engine(0).close()  # finds out once which isolation works here
    site.close()
    return folder


class House:
    """A copy of the template in `base/site`, jobs' working folder in `base/work`. `store`: where its journal is, if not there."""

    def __init__(self, base: Path, origin: Path, store: str = "") -> None:
        self.base, self.folder, self.work = base, base / "site", base / "work"
        base.mkdir(parents=True, exist_ok=True)
        shutil.copytree(origin, self.folder)
        self.folder.chmod(0o700)
        self.work.mkdir()
        if store:
            copy_store(self.folder, with_lamp(self.folder), DEFAULT_STORE, store)
            set_store(self.folder, store)
            for file in self.folder.glob("journal.db*"):
                file.unlink()
        self.mark = f"shanyrak-fault-{os.getpid()}-{next(_numbers)}"
        self.children: list[Child] = []

    # ---- work ---------------------------------------------------------------------------------------------------

    def job(self, script: str = "", **more: Any) -> dict[str, Any]:
        """A request for a shell script that first writes down that it runs, as `JOB TASK`."""
        body = f'echo "$SHANYRAK_JOB $SHANYRAK_TASK" >> marks; {script}'
        return {
            "project": PROJECT,
            "command": ["/bin/sh", "-c", body, self.mark],
            "cwd": str(self.work),
            "mem": "64M",
            **more,
        }

    def runs(self) -> list[tuple[int, int]]:
        """(workload, task index) of every run that began."""
        path = self.work / "marks"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(job), int(task)) for job, task in (line.split() for line in lines)]

    def acknowledge(self, id_: int, key: str = "") -> None:
        """A client writes down what it was told, at once."""
        fd = os.open(self.base / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, f"{id_} {key}\n".encode())
        os.close(fd)

    def told(self) -> list[tuple[int, str]]:
        """(id, key) of every submission that a client was told of."""
        path = self.base / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(id_), key) for id_, _, key in (line.partition(" ") for line in lines)]

    # ---- processes ----------------------------------------------------------------------------------------------

    def open(self, wait_s: float = 20.0) -> Site:
        """The site, in this process."""
        return Site.open(self.folder, with_lamp(self.folder), wait_s=wait_s)

    def child(self, function: Callable[[Site], object], crash_at: str = "") -> Child:
        """A process with an open site; with `crash_at` (`point:n`) it is killed there."""

        def run() -> object:
            logging.basicConfig(level=logging.INFO, format="shanyrak: %(message)s", stream=sys.stderr)
            points.arm(crash_at)
            site = self.open()
            try:
                return function(site)
            finally:
                site.close()

        return self.start(run)

    def start(self, function: Callable[[], object]) -> Child:
        """A process of any function, ended with the house."""
        made = Child(function, self.base / f"log-{len(self.children)}")
        self.children.append(made)
        return made

    def shanyrak(self, *arguments: str) -> Child:
        """A process of the command line."""

        return self.start(lambda: self.command(*arguments))

    def command(self, *arguments: str) -> object:
        """The same in this very process, which must be a child."""
        sys.argv = ["shanyrak", "-C", str(self.folder), *arguments]
        os.chdir(self.work)
        return main()

    def up(self) -> Child:
        """A controller that returns when nothing is left to do."""
        return self.child(drain)

    def settle(self) -> None:
        """What a restart does: another controller, until nothing is left to do."""
        self.up().good()

    # ---- the end ------------------------------------------------------------------------------------------------

    def keeper(self) -> int:
        """Pid of the engine's keeper; 0 when none lives."""
        try:
            sock = wire.connect(self.engine)
            wire.send(sock, {"op": "hello"})
            hello = wire.receive(sock)
            sock.close()
        except OSError:
            return 0
        return int(hello["pid"]) if hello else 0

    @property
    def engine(self) -> Path:
        return self.folder / "engines" / "cpu"

    def demolish(self) -> None:
        """End every process of this house and remove it."""
        for child in self.children:
            child.kill()
            child.wait()
        if pid := self.keeper():
            os.kill(pid, signal.SIGTERM)
        try:
            eventually(lambda: not lock.held(self.engine), "the keeper leaves", 30)
            eventually(lambda: not with_argument(self.mark), "no job is left", 30)
        finally:
            for left in with_argument(self.mark):
                os.kill(left, signal.SIGKILL)
            shutil.rmtree(self.base, ignore_errors=True)


def forever(site: Site) -> None:
    """A controller that ends only when it is told to."""
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
    controller = site.controller()
    try:
        controller.run(lambda: bool(ending), False)
    finally:
        controller.close()


def drain(site: Site, tick: Callable[[Controller], object] = lambda controller: None) -> None:
    """`shanyrak up --until-idle` in this process; `tick` is called each round."""
    controller = site.controller()
    try:
        controller.run(lambda: False, True, lambda: tick(controller))
    finally:
        controller.close()


def submit_all(house: House, site: Site, requests: Iterable[dict[str, Any]]) -> list[int]:
    """Submit one by one, writing down each acknowledgement; gives the ids."""
    ids = []
    for one in requests:
        receipt = site.submit(one)
        house.acknowledge(receipt.id, one.get("key", ""))
        ids.append(receipt.id)
    return ids


def read(site: Site, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """Rows of a query on the journal."""
    with site.journal.read() as rows:
        return rows.all(sql, params)


def events_of(site: Site, *types: str) -> list[dict[str, Any]]:
    """Payloads of the events of these types, in order."""
    return [json.loads(event.payload) for event in site.events() if not types or event.type in types]
