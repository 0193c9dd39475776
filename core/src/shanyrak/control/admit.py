"""Admission: a request is reduced to units, held against the rules, and becomes a submission, queued or refused.

Rules, in order; the first that refuses is the reason: `fits` (it can run here at all), `class` (its sector may ask for
this service class), `undisturbed` (its safe point is not too far off), `grant` (one attempt fits in what the project's
grants still have), then every plugin's admission hook.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.exchange import Refusal, Request
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states
from shanyrak.model.classes import standard
from shanyrak.model.facility import Placement, Pool, place
from shanyrak.model.quantities import LONGEST_MS, amount_words, duration_words, render_duration
from shanyrak.model.workload import Spec

Hooks = Callable[[Request], Iterable[Refusal]]


class Receipt(NamedTuple):
    """The reply to a submission: its id, where it stands and why; `existing` when its key was known already."""

    id: int
    project: str
    state: str
    reason: str
    words: str
    note: str = ""
    nearest: str = ""
    existing: bool = False


@dataclass(slots=True)
class Desk:
    """What admission looks up, read once for a batch of requests in one transaction."""

    rows: Rows
    actor: str
    now: int
    default_walltime: int
    undisturbed: int = LONGEST_MS
    reserved: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Service classes that not every sector may ask for: those that may."""
    classes: list[str] = field(default_factory=list)
    pools: list[tuple[int, Pool]] = field(default_factory=list)
    projects: dict[str, tuple[str, int]] = field(default_factory=dict)
    credits: dict[tuple[str, str], int] = field(default_factory=dict)
    _places: dict[tuple[int, int, int, int, str], tuple[Placement | None, int, Refusal | None]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self.pools = read_pools(self.rows)
        self.classes = [name for (name,) in self.rows.all("SELECT name FROM class ORDER BY number")]
        self.projects = {
            id_: (sector, account) for id_, sector, account in self.rows.all("SELECT id, sector, account FROM project")
        }
        for project, unit, until, amount in self.rows.all(
            "SELECT c.project, c.unit, c.until, SUM(b.amount) FROM credit c JOIN balance b ON b.credit = c.id"
            " WHERE c.state IN ('active', 'future') AND b.pot IN ('left', 'held') GROUP BY c.id"
        ):
            if not until or until > self.now:
                self.credits[project, unit] = self.credits.get((project, unit), 0) + int(amount)

    def admit(self, spec: Spec, id_: int, judged: Refusal | None = None) -> tuple[dict[str, Any], Receipt]:
        """The payload of `workload.submitted` for `spec`, and the reply; `judged`: what plugins said of it.

        Raises UsageProblem for unknown names.
        """
        sector, account = self._project(spec.project)
        class_ = self._class(spec.class_)
        after, stale = self._after(spec)
        array = spec.tasks
        walltime = spec.walltime or self.default_walltime
        placement, pool_id, refusal = self._place(spec)
        if placement and not stale:
            refusal = self._may(class_, sector) or self._safe(spec)
            refusal = refusal or self._grant(spec.project, placement, walltime) or judged
        refusal = stale or refusal
        note = placement.note if placement else ""
        state = states.REFUSED if refusal else states.QUEUED
        reason, words = self._reason(refusal, after)
        data = {
            "id": id_,
            "project": spec.project,
            "account": account,
            "spec": spec.asked(),
            "title": spec.title,
            "pool": pool_id,
            "class": class_,
            "width": placement.width if placement else spec.width,
            "units": placement.units if placement else 0,
            "tasks": len(array),
            "at_once": array.at_once,
            "walltime": walltime,
            "term": self.now + spec.term if spec.term else 0,
            "safe": spec.undisturbed,
            "tries": spec.retry.tries,
            "unfenced": int(spec.retry.unfenced),
            "state": state,
            "reason": reason,
            "words": words,
            "after": after,
        }
        if spec.key and not refusal:
            data["key"] = spec.key
        nearest = refusal.nearest if refusal else ""
        if refusal:
            data["nearest"] = nearest
        return data, Receipt(id_, spec.project, state, reason, words, note, nearest)

    def _project(self, project: str) -> tuple[str, int]:
        found = self.projects.get(project)
        if found is None:
            raise unknown("project", project, self.projects, "add it with `shanyrak project add`")
        return found

    def _class(self, name: str) -> int:
        if not name:
            return standard(self.classes)
        if name not in self.classes:
            raise unknown("class", name, self.classes, f"use one of {', '.join(self.classes)}")
        return self.classes.index(name)

    def _may(self, class_: int, sector: str) -> Refusal | None:
        sectors = self.reserved.get(self.classes[class_], ()) if self.classes else ()
        if not sectors or sector in sectors:
            return None
        words = f"class {self.classes[class_]} is for projects of the sectors {', '.join(sectors)}, not {sector}"
        open_ = [name for name in self.classes if sector in self.reserved.get(name, (sector,))]
        return Refusal("class", words, nearest=f"the same with --class {open_[0]}" if open_ else "")

    def _safe(self, spec: Spec) -> Refusal | None:
        most = self.undisturbed
        if spec.undisturbed <= most:
            return None
        asked, flag = duration_words(spec.undisturbed), "--min-runtime"
        if spec.checkpoint_every > most:
            flag = "--checkpoint-every"
        words = (
            f"it asks to run {asked} before it may be stopped for other work; this site allows {duration_words(most)}"
        )
        return Refusal(
            "undisturbed",
            words,
            {"need": spec.undisturbed, "have": most},
            f"the same with {flag} {render_duration(most)}",
        )

    def _place(self, spec: Spec) -> tuple[Placement | None, int, Refusal | None]:
        """Where it can run, with the pool's number; or why never. The same sizes are worked out once a batch."""
        size = (spec.gpus, spec.cpus, spec.mem, spec.width, spec.pool)
        if size not in self._places:
            gpus, cpus, memory, width, named = size
            try:
                found = place(
                    [pool for _, pool in self.pools], gpus=gpus, cpus=cpus, memory=memory, width=width, pool=named
                )
                number = next(number for number, pool in self.pools if pool is found.pool)
                self._places[size] = (found, number, None)
            except RefusedProblem as problem:
                words = f"it can never run here: {problem.what}: {problem.why}"
                self._places[size] = (None, -1, Refusal("fits", words, nearest=problem.fix))
        return self._places[size]

    def _after(self, spec: Spec) -> tuple[list[int], Refusal | None]:
        """Those that have not ended yet; a refusal when one has ended and is not done."""
        waiting = []
        for other in spec.after:
            row = self.rows.one("SELECT state FROM workload WHERE id = ?", (other,))
            if row is None:
                raise UsageProblem(f"field 'after': workload {other}", "it does not exist", "see `shanyrak ps --all`")
            if row[0] in states.ENDED and row[0] != states.DONE:
                words = f"it comes after workload {other}, which is {row[0]}, so it can never start"
                return [], Refusal("after", words, nearest=f"the same once {other} was submitted again and is done")
            if row[0] != states.DONE:
                waiting.append(other)
        return waiting, None

    def _grant(self, project: str, placement: Placement, walltime: int) -> Refusal | None:
        unit, need = placement.pool.account_unit, placement.hold(walltime)
        have = self.credits.get((project, unit))
        if have is None:
            return Refusal(
                "grant",
                f"project {project} has no grant of {unit}s",
                {"need": need},
                f"shanyrak grant add {project} {need} {unit}",
            )
        if need <= have:
            return None
        rate = placement.width * placement.units
        longest = max(have, 0) // rate
        words = (
            f"it asks for {amount_words(need, unit)} ({placement.width} x {placement.units} units for "
            f"{duration_words(walltime)}), the grants of {project} have {amount_words(have, unit)}"
        )
        nearest = f"the same with --walltime {longest}s" if longest else "none: the grants are used up"
        return Refusal("grant", words, {"need": need, "have": have}, nearest)

    def request(self, spec: Spec) -> Request | None:
        """What plugins are asked to judge; None for what the core refuses without them."""
        placement, _, refusal = self._place(spec)
        if refusal or placement is None or spec.project not in self.projects:
            return None
        return Request(
            spec.project,
            self.projects[spec.project][0],
            self.actor,
            placement.pool.name,
            placement.pool.account_unit,
            placement.width,
            placement.units,
            len(spec.tasks),
            spec.walltime or self.default_walltime,
            spec.model_dump(mode="json", by_alias=True, exclude={"env", "secrets"}),
            self.now,
        )

    @staticmethod
    def _reason(refusal: Refusal | None, after: list[int]) -> tuple[str, str]:
        if refusal:
            return refusal.rule, refusal.words
        if after:
            return reasons.AFTER, f"comes after {', '.join(map(str, after))}"
        return reasons.WAITING, "waits for the next decision"


def read_pools(rows: Rows) -> list[tuple[int, Pool]]:
    """The pools that are declared now, with their numbers, in order."""
    return [
        (row[0], Pool(*row[1:]))
        for row in rows.all(
            "SELECT id, name, engine, unit, nodes, units, cpus, memory FROM pool WHERE present = 1 ORDER BY id"
        )
    ]


def unknown(kind: str, name: str, known: Iterable[str], fix: str) -> UsageProblem:
    """The error for a name that does not exist, with the nearest one that does."""
    names: Sequence[str] = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return UsageProblem(f"{kind} {name!r}", "it does not exist", f"did you mean {near[0]!r}?" if near else fix)
