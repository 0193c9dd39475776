"""What ran here before, and what is here now: the journal as material for a rehearsal."""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from shanyrak.control.feed import Feed
from shanyrak.journal.store import Rows

if TYPE_CHECKING:
    from shanyrak.control.site import Site
    from shanyrak.policy.mirror import Mirror


class Ran(NamedTuple):
    """A task that has ended, whether well or not, as its last attempt tells it; times in ms.

    Work that was brought in from outside has a `label` of its own, and `workload` is its number among such.
    """

    workload: int
    task: int
    project: str
    sector: str
    account: int
    pool: int
    class_: int
    width: int
    units: int
    submitted: int
    started: int
    ran: int
    walltime: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """The site at one moment: all that a policy sees, in a mirror that the caller may use up."""

    mirror: Mirror
    now: int
    head: str
    """The hash of the newest event: it stands for the whole journal."""
    projects: dict[int, str]
    """Workload -> project, of all that has not ended."""
    pools: dict[int, str]


def ran(rows: Rows) -> list[Ran]:
    """Every task that has ended, by (submission, workload, task). What waits for another try is not among them.

    What was brought in from outside comes after what this site ran, where both were submitted at the same time.
    """
    found = rows.all(
        "SELECT w.id, a.task, w.project, p.sector, w.account, w.pool, w.class, w.width, w.units, w.submitted, a.started,"
        " a.ran, a.walltime, w.again FROM attempt a JOIN workload w ON w.id = a.workload JOIN project p ON p.id = w.project"
        " WHERE a.open = 0 AND a.started > 0 AND a.id IN (SELECT MAX(id) FROM attempt GROUP BY workload, task)"
        " ORDER BY w.submitted, w.id, a.task"
    )
    own = [Ran(*row) for *row, again in found if again == "[]" or row[1] not in json.loads(again)]
    brought = rows.all(
        "SELECT i.id, 0, i.project, p.sector, i.account, i.pool, 0, i.width, (i.units + i.width - 1) / i.width, i.submitted,"
        " i.started, i.ran, i.walltime, i.label FROM imported i JOIN project p ON p.id = i.project ORDER BY i.submitted, i.id"
    )
    return list(heapq.merge(own, (Ran(*row) for row in brought), key=lambda one: one.submitted))


def live(site: Site) -> Live:
    """This moment, from one snapshot."""
    with site.journal.read() as rows:
        feed = Feed(rows)
        head = rows.one("SELECT hash FROM event ORDER BY seq DESC LIMIT 1") or ("",)
        projects: dict[int, str] = dict(rows.all("SELECT id, project FROM workload WHERE ended = 0"))
        pools: dict[int, str] = dict(rows.all("SELECT id, name FROM pool"))
    return Live(feed.mirror, site.journal.now(), str(head[0]), projects, pools)
