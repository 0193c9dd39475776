"""Projects and grants: who may work here, and with how much."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shanyrak.control.admit import unknown
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.journal import points
from shanyrak.journal.accounts import LEFT, balance
from shanyrak.journal.journal import Journal
from shanyrak.journal.store import Rows
from shanyrak.model.quantities import LARGEST, amount_words
from shanyrak.model.workload import check_id
from shanyrak.texts import refuse_unkept

PERSON = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
"""A user's name, as the system has it or as a directory's does."""


def add_project(journal: Journal, actor: str, id_: str, sector: str, org: str, weight: int = 1, cap: int = -1) -> None:
    """Add a project to a sector. Raises UsageProblem for a bad or known id, or an unknown sector."""
    check_id(id_, "project")
    if not org.strip() or len(org) > 200:
        raise UsageProblem("the organisation", "its name is empty or longer than 200 characters", "give --org NAME")
    if not org.isprintable():
        raise UsageProblem("the organisation", "its name has characters that are not printed", "give --org NAME")
    if not 1 <= weight <= 1_000_000 or not -1 <= cap <= 10_000_000:
        raise UsageProblem("the project's weight or cap", "it is out of range", "weights are 1 or more, caps 0 or more")
    with journal.write(actor) as writer:
        if writer.rows.one("SELECT 1 FROM project WHERE id = ?", (id_,)):
            raise UsageProblem(f"project {id_!r}", "it exists already")
        sectors = {
            name.partition("/")[2]: number
            for number, name in writer.rows.all("SELECT id, name FROM account WHERE name LIKE 'sector/%'")
        }
        if sector not in sectors:
            raise unknown("sector", sector, sectors, f"use one of {', '.join(sorted(sectors))}")
        account = int((writer.rows.one("SELECT MAX(id) + 1 FROM account") or (0,))[0])
        writer.append(
            "project.added",
            id_,
            {
                "id": id_,
                "sector": sector,
                "org": org,
                "account": account,
                "parent": sectors[sector],
                "weight": weight,
                "cap": cap,
            },
        )


def add_members(journal: Journal, actor: str, id_: str, people: Sequence[str]) -> None:
    """Make these OS users members of a project, all or none. Raises UsageProblem for what is no name of a user."""
    for person in people:
        if not PERSON.fullmatch(person):
            raise UsageProblem(
                f"member {person[:70]!r}", "not a name that a user can have", "give the name that `id -un` prints"
            )
    with journal.write(actor) as writer:
        _project(writer.rows, id_)
        there = _members(writer.rows, id_)
        for person in dict.fromkeys(people):
            if person not in there:
                writer.append("member.added", id_, {"project": id_, "person": person})


def remove_members(journal: Journal, actor: str, id_: str, people: Sequence[str]) -> None:
    """These leave a project, all or none. Raises UsageProblem for one who is no member."""
    with journal.write(actor) as writer:
        _project(writer.rows, id_)
        there = _members(writer.rows, id_)
        for person in dict.fromkeys(people):
            if person not in there:
                raise unknown(f"member of {id_}", person, there, "see `shanyrak project list`")
            writer.append("member.removed", id_, {"project": id_, "person": person})


def pause_project(journal: Journal, actor: str, id_: str, paused: bool) -> None:
    """Keep a project's work from starting, or let it start again; what runs goes on."""
    with journal.write(actor) as writer:
        found = _project(writer.rows, id_)
        if bool(found[0]) != paused:
            writer.append("project.paused" if paused else "project.resumed", id_, {"id": id_})


def pause_site(journal: Journal, actor: str, paused: bool) -> None:
    """Keep all work from starting, or let it start again; what runs goes on."""
    with journal.write(actor) as writer:
        found = writer.rows.one("SELECT value FROM setting WHERE name = 'paused'")
        if (found is not None and found[0] == "1") != paused:
            writer.append("site.paused", "site", {"paused": int(paused)})


def add_grant(
    journal: Journal,
    actor: str,
    project: str,
    amount: int,
    unit: str,
    units: Mapping[str, tuple[str, int]],
    start: int = 0,
    until: int = 0,
    programme: str = "",
) -> int:
    """Grant `amount` of `unit` for the term [start, until) (0: from now, without end); gives the grant's number."""
    if unit not in units:
        raise unknown("unit", unit, units, f"use one of {', '.join(sorted(units))}")
    base, factor = units[unit]
    if not 0 < amount * factor <= LARGEST // 1024:
        raise UsageProblem("the amount", "it must be above zero and not absurdly large", "give a whole number of units")
    if programme:
        check_id(programme, "programme")
    with journal.write(actor) as writer:
        _project(writer.rows, project)
        if until and until <= max(start, writer.now):
            raise UsageProblem("the term", "it ends before it begins, or has ended", "give --until a later time")
        number = int((writer.rows.one("SELECT COALESCE(MAX(id), 0) + 1 FROM credit") or (1,))[0])
        writer.append(
            "grant.issued",
            number,
            {
                "id": number,
                "project": project,
                "unit": base,
                "amount": amount * factor,
                "programme": programme,
                "start": start or writer.now,
                "until": until,
                "state": "future" if start > writer.now else "active",
            },
        )
    points.reached("grant.after")
    return number


def pull_grant(journal: Journal, actor: str, number: int, amount: int | None = None) -> int:
    """Take back `amount` (base units) of what is left of a grant, or all of it; gives what was taken.

    What is held for work that lives stays held; what that work leaves over goes back when it ends.
    """
    with journal.write(actor) as writer:
        found = writer.rows.one("SELECT unit, state FROM credit WHERE id = ?", (number,))
        if found is None:
            raise UsageProblem(f"grant {number}", "it does not exist", "see `shanyrak grant list`")
        if found[1] not in ("active", "future"):
            raise UsageProblem(f"grant {number}", f"it is {found[1]} already")
        left = max(0, balance(writer.rows, number, LEFT))
        if amount is not None and not 0 < amount <= left:
            raise RefusedProblem(
                f"grant {number}",
                f"{amount_words(left, found[0])} are left of it",
                "pull at most that, or all of it with no amount",
            )
        taken = left if amount is None else amount
        state = "pulled" if amount is None else found[1]
        writer.append("grant.returned", number, {"id": number, "amount": taken, "state": state, "how": "pulled"})
    return taken


def _project(rows: Rows, id_: str) -> tuple[Any, ...]:
    refuse_unkept(id_, "the project")
    found = rows.one("SELECT paused, sector FROM project WHERE id = ?", (id_,))
    if found is None:
        raise unknown(
            "project", id_, [row[0] for row in rows.all("SELECT id FROM project")], "add it with `shanyrak project add`"
        )
    return found


def _members(rows: Rows, project: str) -> list[str]:
    return [row[0] for row in rows.all("SELECT person FROM member WHERE project = ? AND present = 1", (project,))]
