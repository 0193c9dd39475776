"""From what was asked on the command line to a rehearsal that is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shanyrak.api import Frame, UsageProblem

from shanyrak_rehearse.choosing import choose, refuse_lacking
from shanyrak_rehearse.house import PARAMS, House, house_of, house_with_journal
from shanyrak_rehearse.machine import machine
from shanyrak_rehearse.own import own_machine, own_tenants, own_trace
from shanyrak_rehearse.past import archive
from shanyrak_rehearse.play import Played, play
from shanyrak_rehearse.progress import progress
from shanyrak_rehearse.report import Semantics, report
from shanyrak_rehearse.sources import Source, read_files
from shanyrak_rehearse.tenants import tenants
from shanyrak_rehearse.tonight import tonight
from shanyrak_rehearse.work import Work, work


@dataclass(frozen=True, slots=True)
class Request:
    """The options of the command."""

    traces: tuple[Path, ...]
    journal: bool
    policies: tuple[str, ...]
    nodes: str | None
    pool: int | None
    per_unit: int
    estimates: str
    events: str
    promises: str | None
    clean: str
    timing: bool


@dataclass(frozen=True, slots=True)
class Done:
    """A rehearsal: the work (None: the journal has none yet), what each policy made of it, the report."""

    work: Work | None
    played: Sequence[Played]
    document: dict[str, Any]


def rehearsed(frame: Frame, request: Request) -> Done:
    """Read, run each policy, and report. Raises a Problem that says what is wrong with the request or the trace."""
    _refuse_contrary(request)
    house = house_with_journal(frame) if request.journal else house_of(frame)
    first = (house.policy,) if request.journal or not request.policies else ()
    chosen = choose(frame.plugins, (*first, *request.policies))
    asked, sources = _own(request, house) if request.journal else _traced(frame, request, house)
    if asked is not None:
        refuse_lacking(chosen, asked.past)
    promises = request.promises or ("site" if request.journal else "off")
    params = {**PARAMS, **house.params, **({"promises": 0} if promises == "off" else {})}
    played, coming, single = [], None, request.events == "single"
    with progress(len(asked) if asked is not None else 0) as begin:
        for policy in chosen if asked is not None else ():
            assert asked is not None
            one = play(asked, policy, params, single, begin(policy.name), request.timing)
            if one.given and promises == "site":
                plain = play(asked, policy, {**params, "promises": 0}, single, begin(f"{policy.name} without promises"))
                one = replace(one, without=plain)
            played.append(one)
    if house.live is not None:
        coming = tonight(house.live, chosen, params, single)
    semantics = Semantics(request.clean, request.estimates, request.events, promises, house.name, params)
    return Done(asked, played, report(sources, asked, semantics, played, coming, request.timing))


def _refuse_contrary(request: Request) -> None:
    if not request.traces and not request.journal:
        raise UsageProblem("no trace", "a rehearsal needs past work", "name a file, or take this site's with --journal")
    if request.journal and (request.traces or request.nodes or request.pool or request.per_unit > 1):
        raise UsageProblem(
            "--journal", "it is this site's own work on this site's nodes", "leave files and machine out"
        )


def _own(request: Request, house: House) -> tuple[Work | None, list[Source]]:
    """This site's past on this site's nodes; the hash is that of the newest event of the journal."""
    assert house.live is not None
    sources = [Source("journal", house.live.head, "journal")]
    if not house.past:
        return None, sources
    past = archive(own_trace(house.past, house.classes), strict=request.clean == "none")
    view = house.live.mirror.view(0, house.live.now)
    numbers = {name: number for number, name in enumerate(house.classes)}
    return work(past, own_machine(view), own_tenants(view, past), request.estimates, numbers), sources


def _traced(frame: Frame, request: Request, house: House) -> tuple[Work, list[Source]]:
    """The work of files on the machine that was asked for."""
    trace, sources = read_files(frame.plugins, request.traces)
    past = archive(trace, strict=request.clean == "none")
    del trace
    hardware = machine(request.nodes, request.pool, request.per_unit, past.facts.get("processors"))
    numbers = {name: number for number, name in enumerate(house.classes)}
    accounts = tenants(past, house.rules(hardware.total))
    return work(past, hardware, accounts, request.estimates, numbers), sources
