"""Past work of another scheduler of this machine: brought in once, and charged to the grants of its time where it is to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shanyrak.control.admit import unknown
from shanyrak.control.settle import RATE
from shanyrak.errors import UsageProblem
from shanyrak.exchange import PastWork
from shanyrak.journal.accounts import LEFT, balance
from shanyrak.journal.journal import Journal, Writer
from shanyrak.journal.store import Row, Rows
from shanyrak.model.quantities import LARGEST
from shanyrak.texts import harmless_record

PART = 500
"""Works of one event."""


@dataclass(slots=True)
class Brought:
    """What became of the works that were given."""

    new: int = 0
    known: int = 0
    """Brought in before."""
    own: int = 0
    """Started by this site itself: its attempts tell of them."""
    charged: dict[str, int] = field(default_factory=dict)
    """By unit."""


@dataclass(slots=True)
class _Grant:
    id: int
    start: int
    until: int
    left: int


def bring(
    journal: Journal, actor: str, source: str, works: Sequence[PastWork], charge: bool, look: bool = False
) -> Brought:
    """Record each work that is not known yet, in parts that are each whole; with `charge` grants pay for it.

    With `look` nothing is recorded: what is given back tells what would be.

    Each stretch of a work is paid by the active grants of its project whose term holds that stretch, the one that ends first
    before the others; only the last of them may go below zero. What no grant's term holds is kept without a charge.
    Raises UsageProblem for an unknown project or pool, or times that cannot be, and then nothing of that part is in.
    """
    if not source or not source.isprintable() or ":" in source:
        raise UsageProblem(f"the source {source!r}", "it is empty or has characters that it may not have")
    brought = Brought()
    for first in range(0, len(works), PART):
        with journal.write(actor) as writer:
            part = [harmless_record(work) for work in works[first : first + PART]]
            _part(writer, source, part, charge, look, brought)
    return brought


def _part(writer: Writer, source: str, works: Sequence[PastWork], charge: bool, look: bool, brought: Brought) -> None:
    rows = writer.rows
    tokens = {f"{source}:{work.job}": work for work in works}
    known = {str(token) for (token,) in _named(rows, "SELECT token FROM imported", list(tokens))}
    handles: dict[str, str] = dict(
        _named(rows, "SELECT token, handle FROM attempt", [work.title for work in works if work.title])
    )
    own = {token for token, work in tokens.items() if work.title in handles and _ours(work.label, handles[work.title])}
    projects: dict[str, int] = dict(rows.all("SELECT id, account FROM project"))
    pools = {name: (id_, unit) for id_, name, unit in rows.all("SELECT id, name, unit FROM pool")}
    number = int((rows.one("SELECT COALESCE(MAX(id), 0) FROM imported") or (0,))[0])
    grants: dict[tuple[str, str], list[_Grant]] = {}
    lines: list[list[Any]] = []
    for token, work in tokens.items():
        if token in known or token in own:
            continue
        _check(work, writer.now)
        if work.project not in projects:
            raise unknown("project", work.project, projects, "add it with `shanyrak project add`")
        if work.pool not in pools:
            raise unknown("pool", work.pool, pools, "see [[pools]] in commons.toml")
        pool, kind = pools[work.pool]
        unit, number = f"{kind}-second", number + 1
        parts: list[Any] = []
        if charge:
            key = (work.project, unit)
            if key not in grants:
                grants[key] = _grants(rows, *key)
            parts = _paid(work, grants[key])
        lines.append([
            [number, token, source, work.label, work.project, projects[work.project], pool, work.width, work.units,
             work.submitted_ms, work.started_ms, work.ended_ms, work.ran_ms, work.walltime_ms, work.user, work.title,
             work.state],
            unit, parts,
        ])  # fmt: skip
        brought.charged[unit] = brought.charged.get(unit, 0) + sum(amount for _, _, _, amount, _ in parts)
    if lines and not look:
        writer.append("work.imported", source, {"source": source, "rate": RATE, "works": lines})
    brought.new += len(lines)
    brought.own += len(own - known)
    brought.known += len(works) - len(lines) - len(own - known)


def _named(rows: Rows, query: str, tokens: Sequence[str]) -> list[Row]:
    marks = ", ".join("?" * len(tokens))
    return rows.all(f"{query} WHERE token IN ({marks})", tokens) if tokens else []


def _ours(label: str, handle: str) -> bool:
    """Whether an attempt with this handle is what its source calls so. A name alone proves nothing: anybody may use it.

    The jobs of an array have the name of its first task, and a place of their own after `_`.
    """
    return handle.partition("_")[0] == label.partition("_")[0]


def _check(work: PastWork, now: int) -> None:
    if not (0 < work.started_ms <= work.ended_ms <= now and 0 <= work.ran_ms <= work.ended_ms - work.started_ms):
        raise UsageProblem(f"past work {work.label}", "its times cannot be: it ran longer than from its start to its end,"
                           " or ends after now", "see that the clocks of both machines are right")  # fmt: skip
    if work.width < 1 or work.units < 1 or work.units * max(1, work.ran_ms) > LARGEST:
        raise UsageProblem(f"past work {work.label}", "its size cannot be", "it takes one unit of one node or more")


def _grants(rows: Rows, project: str, unit: str) -> list[_Grant]:
    return [
        _Grant(id_, start, until, balance(rows, id_, LEFT))
        for id_, start, until in rows.all(
            "SELECT id, start, until FROM credit WHERE project = ? AND unit = ? AND state = 'active'"
            " ORDER BY until = 0, until, id",
            (project, unit),
        )
    ]


def _paid(work: PastWork, grants: Sequence[_Grant]) -> list[list[Any]]:
    """The work cut where the set of grants that hold it changes: (started, ended, ms, amount, payments) of each part.

    What was suspended in between counts as not run at its beginning, as past use does.
    """
    begin, end = work.ended_ms - work.ran_ms, work.ended_ms
    cuts = sorted({begin, end, *(cut for one in grants for cut in (one.start, one.until) if begin < cut < end)})
    parts: list[list[Any]] = []
    for start, stop in zip(cuts, cuts[1:], strict=False):
        holding = [one for one in grants if one.start <= start and (not one.until or stop <= one.until)]
        amount = -(-work.units * (stop - start) // 1000)
        if holding:
            parts.append([start, stop, stop - start, amount, _payments(amount, holding)])
    return parts


def _payments(amount: int, grants: Sequence[_Grant]) -> list[list[int]]:
    payments: list[list[int]] = []
    rest = amount
    for one in grants:
        paid = rest if one is grants[-1] else min(rest, max(0, one.left))
        if paid:
            payments.append([one.id, paid])
            one.left -= paid
            rest -= paid
    return payments
