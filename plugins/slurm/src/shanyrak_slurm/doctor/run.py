"""All checks in their order; without an answer of slurmctld the rest is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from shanyrak.api import EngineProblem, Frame, Site

from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.doctor import machine, past, reach, rest, rights
from shanyrak_slurm.doctor.finding import Case, Finding, Wanted
from shanyrak_slurm.doctor.spool import spool
from shanyrak_slurm.settings import Settings


def examined(frame: Frame, site: Site, job: bool) -> list[Finding]:
    """Every finding for a site."""
    settings: Settings = frame.plugins.settings("slurm")
    pools = [
        Wanted(pool.name, pool.unit, pool.nodes, pool.units, settings.of_pool(pool.name))
        for pool in site.commons.pools
        if pool.engine == "slurm"
    ]
    projects = [row["project"] for row in site.projects()]
    return list(_examine(Case(settings, pools, projects, Slurm(settings)), site.folder, job))


def _examine(case: Case, workspace: Path, job: bool) -> Iterator[Finding]:
    if not case.pools:
        yield Finding("lacks", "pools", "none of this site's has the engine slurm", "set engine = 'slurm' in [[pools]]")
    for check in (reach.programs, reach.slurmctld):
        for finding in _asked(check, case):
            yield finding
            if finding.level == "bad":
                return
    for check in (
        rights.pools, machine.gpus_and_nodes, machine.ends, machine.sizes, machine.people, past.memory, rest.slurmrestd,
    ):  # fmt: skip
        yield from _asked(check, case)
    yield from spool(case, workspace, job)


def _asked(check: Callable[[Case], Iterator[Finding]], case: Case) -> Iterator[Finding]:
    """What a check finds; that Slurm cannot be asked is a finding, too."""
    try:
        yield from check(case)
    except EngineProblem as problem:
        yield Finding("bad", check.__name__.replace("_", " "), problem.why or problem.what, problem.fix)
