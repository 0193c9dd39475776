"""`shanyrak slurm sync`, done: compare, call, tell. Killed anywhere it goes on at the next run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from shanyrak.api import Frame, Site, UnfitProblem

from shanyrak_slurm.calls import Declined, Slurm
from shanyrak_slurm.config import configured
from shanyrak_slurm.export.found import found
from shanyrak_slurm.export.nouns import Drift, Step
from shanyrak_slurm.export.steps import drift, steps
from shanyrak_slurm.export.wanted import facility, unknown_nodes, wanted
from shanyrak_slurm.settings import Settings


@dataclass(slots=True)
class Done:
    """What was called, or would be; what Slurm declined, with its words; what somebody else must change."""

    steps: list[Step] = field(default_factory=list)
    declined: list[tuple[Step, str]] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)


def synced(frame: Frame, site: Site, dry_run: bool) -> Done:
    """Bring Slurm to what the site's rules say. Raises EngineProblem when it cannot be asked; what was done stays."""
    settings: Settings = frame.plugins.settings("slurm")
    slurm = Slurm(settings)
    config = configured(slurm)
    if "slurmdbd" not in config.get("AccountingStorageType", ""):
        raise UnfitProblem("shanyrak slurm sync", "this Slurm keeps no accounts",
                           "set AccountingStorageType=accounting_storage/slurmdbd, or let Shanyrak schedule")  # fmt: skip
    now = site.journal.now()
    cluster = config["ClusterName"]
    there = found(slurm, cluster)
    machine = facility(site, settings)
    want = wanted(site, machine, {name: qos.before for name, qos in there.qos.items()}, now)
    done = Done(drift=[*_of_config(config, machine.tres), *drift(want, there)])
    if missing := unknown_nodes(site, machine):
        done.drift.append(Drift("windows", f"{', '.join(missing[:5])}: no node of Slurm plays them", "nobody"))
    for step in steps(want, there, cluster, now):
        if not dry_run:
            try:
                slurm.run(step.program, *step.arguments)
            except Declined as problem:
                done.declined.append((step, problem.said))
                continue
        done.steps.append(step)
    return done


def _of_config(config: dict[str, str], tres: tuple[str, ...]) -> Iterator[Drift]:
    who = "Slurm's administrator: slurm.conf"
    enforce = config.get("AccountingStorageEnforce", "none")
    if not {"limits", "qos"} <= set(enforce.split(",")):
        yield Drift(
            "limits", f"do not hold: AccountingStorageEnforce is {enforce}, not associations,limits,qos,safe", who
        )
    if "multifactor" not in config.get("PriorityType", ""):
        yield Drift(
            "shares", f"say nothing: PriorityType is {config.get('PriorityType')}, not priority/multifactor", who
        )
    if "gres/gpu" in tres and "gres/gpu" not in config.get("AccountingStorageTRES", ""):
        yield Drift("GPUs", "cannot be limited: AccountingStorageTRES lacks gres/gpu", who)
