"""From plan to intents: a start becomes a bundle of attempts with tokens, nodes and holds, in one event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shanyrak.control.settle import Open
from shanyrak.journal.accounts import LEFT
from shanyrak.journal.journal import Writer
from shanyrak.journal.store import Rows


@dataclass(slots=True)
class Purse:
    """What each grant has left in this transaction, so that starts of one round never spend the same twice."""

    rows: Rows
    left: dict[int, int]

    def draw(self, project: str, unit: str, need: int) -> list[list[int]] | None:
        """(grant, amount) pairs that make up `need`, the grant that ends first paying first; None when short."""
        credits = self.rows.all(
            "SELECT c.id, COALESCE(b.amount, 0) FROM credit c LEFT JOIN balance b ON b.credit = c.id AND b.pot = ?"
            " WHERE c.project = ? AND c.unit = ? AND c.state = 'active' ORDER BY c.until = 0, c.until, c.id",
            (LEFT, project, unit),
        )
        drawn: list[list[int]] = []
        # A grant that is overdrawn counts against the others of its project.
        spare = sum(self.left.setdefault(credit, int(left)) for credit, left in credits)
        if spare < need:
            return None
        for credit, _ in credits:
            take = min(need, self.left[credit])
            if take > 0:
                drawn.append([credit, take])
                need -= take
        if need:
            return None
        for credit, amount in drawn:
            self.left[credit] -= amount
        return drawn


def intend(writer: Writer, purse: Purse, site: str, id_: int, tasks: list[list[int]], guard: int = 0) -> list[Open]:
    """Write the intent to start one task of workload `id_`, under `guard`, on each node list of `tasks`; gives the attempts.

    Gives fewer when the grants are shorter than the plan thought; none when the workload does not wait any more.
    """
    row = writer.rows.one(
        "SELECT w.project, w.width * w.units, w.walltime, w.next, w.again, w.pool, p.unit, w.tasks, w.held, w.waits, w.safe"
        " FROM workload w JOIN pool p ON p.id = w.pool WHERE w.id = ? AND w.ended = 0",
        (id_,),
    )
    if row is None or row[8] or row[9]:
        return []
    project, units, walltime, next_, again, pool, kind, total = row[:8]
    waiting = [*json.loads(again), *range(next_, min(total, next_ + len(tasks)))]
    newest = writer.rows.one("SELECT COALESCE(MAX(id), 0) FROM attempt") or (0,)
    hold = units * -(-walltime // 1000)
    attempts: list[Any] = []
    opened: list[Open] = []
    for task, nodes in zip(waiting, tasks, strict=False):
        drawn = purse.draw(project, f"{kind}-second", hold)
        if drawn is None:
            break
        tried = writer.rows.one(
            "SELECT COALESCE(MAX(try), 0) FROM attempt WHERE workload = ? AND task = ?", (id_, task)
        )
        number = int(tried[0]) + 1 if tried else 1
        token = f"{site}.{id_}.{task}.{number}"
        attempt = int(newest[0]) + 1 + len(attempts)
        attempts.append([attempt, token, task, number, nodes, drawn])
        opened.append(Open(token, attempt, id_, task, number, pool, launched=False, started=0))
    if attempts:
        writer.append(
            "attempt.intent",
            id_,
            {
                "workload": id_,
                "unit": f"{kind}-second",
                "walltime": walltime,
                "guard": guard,
                "safe": row[10],
                "bundle": opened[0].token,
                "attempts": attempts,
            },
        )
    return opened


def preempt(writer: Writer, runs: Sequence[int], works: Sequence[int], claims: Sequence[int]) -> dict[str, int]:
    """Write that these attempts are to be stopped, each for a workload with a claim; gives token -> workload.

    What has ended meanwhile, or is being stopped already, is left as it is.
    """
    stopped: dict[str, int] = {}
    for run, work, claim in zip(runs, works, claims, strict=True):
        row = writer.rows.one("SELECT token, workload FROM attempt WHERE id = ? AND open = 1 AND stop = ''", (run,))
        if row is not None:
            token, workload = row
            data = {"token": token, "run": run, "workload": workload, "for": work, "claim": claim}
            writer.append("attempt.preempted", token, data)
            stopped[token] = work
    return stopped
