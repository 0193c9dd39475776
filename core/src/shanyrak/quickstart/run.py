"""The first run: a site on this machine, five projects, a dozen real programs, and the account at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shanyrak.control.init import make
from shanyrak.control.site import Site
from shanyrak.errors import EngineProblem, UsageProblem
from shanyrak.model import states
from shanyrak.quickstart.plan import PROJECTS, WORKLOADS
from shanyrak.quickstart.trial import over_trial

Tick = Callable[[list[dict[str, Any]]], None]

HERE = "local"
"""The engine of this machine, which needs nothing brought up."""
LIMIT_S = 900.0
"""Far more than it takes anywhere; a first run never hangs."""
LOOK_S = 0.2


@contextmanager
def first_run(folder: Path | None, engine: str, tell: Callable[[str], None]) -> Iterator[Quickstart]:
    """A first run in `folder` (None: in a temporary one, which goes when it fails), for as long as its engine is there."""
    begun = time.monotonic()
    place = (folder or Path(tempfile.mkdtemp(prefix="shanyrak-"))).absolute()
    try:
        with over_trial(place, engine, tell) if engine != HERE else _over_this_machine(place, tell) as site:
            yield Quickstart(site, engine, tell, begun)
    except BaseException:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
        raise


@contextmanager
def _over_this_machine(folder: Path, tell: Callable[[str], None]) -> Iterator[Site]:
    """The site in `folder`, made if there is none."""
    if (folder / "commons.toml").exists():
        site = Site.open(folder)
    else:
        site, warnings = make(folder, "", "", HERE)
        for line in warnings:
            tell(line)
    try:
        others = {pool.engine for pool in site.commons.pools} - {HERE}
        if others:
            raise UsageProblem(f"{folder}", f"its work is run by {', '.join(sorted(others))}, not by {HERE}",
                               "choose another folder")  # fmt: skip
        yield site
    finally:
        site.close()


class Quickstart:
    """One first run on a site. `tick` is shown the rows of `ps` a few times a second."""

    def __init__(self, site: Site, engine: str, tell: Callable[[str], None], begun: float) -> None:
        self.site, self.engine, self.tell, self._begun = site, engine, tell, begun
        self.folder = site.folder
        self.ids: dict[str, int] = {}

    def prepare(self) -> None:
        """Projects, grants and submissions. In a workspace that has had a first run, another one is added."""
        known = {row["project"] for row in self.site.projects()}
        cpus = max((pool.cpus for pool in self.site.commons.pools if pool.unit == "cpu"), default=1)
        for project in PROJECTS:
            if project.id not in known:
                self.site.add_project(project.id, project.sector, project.organisation)
            self.site.add_grant(project.id, project.cpu_seconds, "cpu-second", programme=project.programme)
            (self.folder / "work" / project.id).mkdir(parents=True, exist_ok=True, mode=0o700)
        times = sum(row["name"] == WORKLOADS[0].label for row in self.site.ps(everything=True, reasons=False))
        for work in WORKLOADS:
            cwd = self.folder / "work" / work.project
            spec: dict[str, Any] = {
                "project": work.project, "name": work.label, "command": work.command(sys.executable),
                "cpus": min(work.cpus, cpus), "mem": work.memory, "walltime": work.walltime_s,
                "array": work.array or "", "key": f"{work.key}-{times + 1}", "cwd": str(cwd), "env": work.env,
                "after": [self.ids[work.after]] if work.after else [],
            }  # fmt: skip
            self.ids[work.label] = self.site.submit(spec).id

    def run(self, tick: Tick) -> None:
        """Be the controller until all of it has ended."""
        controller = self.site.controller(self.tell)
        until, shown = time.monotonic() + LIMIT_S, 0.0

        def look() -> None:
            nonlocal shown
            if time.monotonic() - shown >= LOOK_S:
                tick(self.rows())
                shown = time.monotonic()

        try:
            controller.run(lambda: self._over(until), until_idle=True, tick=look)
        finally:
            controller.close()
        tick(self.rows())

    def _over(self, until: float) -> bool:
        if time.monotonic() > until:
            raise EngineProblem("the first run", f"it did not end within {LIMIT_S:g} s",
                                f"see `shanyrak -C {self.folder} ps` and `shanyrak -C {self.folder} doctor`")  # fmt: skip
        return False

    def rows(self) -> list[dict[str, Any]]:
        """This run's work as in `ps`."""
        mine = set(self.ids.values())
        return [row for row in self.site.ps(everything=True, reasons=False) if row["id"] in mine]

    def result(self) -> dict[str, Any]:
        """`{"workspace", "engine", "seconds", "workloads", "account"}`: what the page shows, as data."""
        mine = set(self.ids.values())
        return {
            "workspace": str(self.folder), "engine": self.engine, "seconds": round(time.monotonic() - self._begun, 2),
            "workloads": [row for row in self.site.ps(everything=True) if row["id"] in mine],
            "account": self.site.check_account(),
        }  # fmt: skip

    def said(self, id_: int) -> str:
        """The last line that a workload printed (to stderr when it printed none)."""
        for stream in ("stdout", "stderr"):
            try:
                _, read = self.site.log(id_, stream)
                text = read(-4096, 4096).decode(errors="replace")
            except Exception:  # work that never ran has no log
                return ""
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return ""


def outcome_words(row: dict[str, Any]) -> str:
    """Where a workload ended, in one or two words."""
    if row["state"] == states.FAILED and row["reason"] == "walltime":
        return "walltime"
    return str(row["state"])
