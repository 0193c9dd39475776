"""From the journal to the policy's mirror: `Feed` turns each event into the mirror's own calls.

A feed starts from the tables (one snapshot), or from nothing, and then follows the events; a test holds the ways against
each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from shanyrak.control.facility import half_life
from shanyrak.journal.events import Event
from shanyrak.journal.journal import events
from shanyrak.journal.past_use import with_attempt
from shanyrak.journal.store import Rows
from shanyrak.model.classes import renumbered
from shanyrak.model.states import ENDED

if TYPE_CHECKING:
    from shanyrak.policy.mirror import Mirror

UNITS = ("cpu-second", "gpu-second")
"""Unit kinds by the number they have in the mirror."""


class Row(NamedTuple):
    """What the mirror needs of one workload whenever it is (re)queued."""

    account: int
    pool: int
    width: int
    units: int
    walltime: int
    submitted: int
    at_once: int
    project: str
    class_: int


@dataclass(slots=True)
class Credit:
    """A grant: whose, in what unit, whether its term runs, what is left of it."""

    account: int
    unit: int
    active: bool
    left: int


@dataclass(slots=True)
class Node:
    """A node as declared, reported and operated."""

    pool: int
    units: int
    reported: int
    present: int
    up: int
    drained: int


class Feed:
    """A mirror that follows the journal; `seq` is the newest event it holds."""

    def __init__(self, rows: Rows | None = None) -> None:
        """As the tables are; without them as before the first event."""
        from shanyrak.policy.mirror import Mirror
        from shanyrak.policy.reasons import Why

        self.mirror: Mirror = Mirror()
        self._why = Why
        self.seq = 0
        self.jobs: dict[int, Row] = {}
        self._waiting: dict[int, int] = {}
        self._live: dict[int, int] = {}
        self._promised: dict[int, int] = {}
        self._used: dict[int, tuple[int, int]] = {}
        self._classes: list[str] = []
        self._mask: dict[int, int] = {}
        self._site_paused = False
        self._paused: set[str] = set()
        self._credits: dict[int, Credit] = {}
        self._accounts: dict[str, int] = {}
        self._nodes: dict[int, Node] = {}
        self._runs: dict[str, tuple[int, int, int]] = {}
        if rows is not None:
            self._load(rows)

    # ---- from the tables ------------------------------------------------------------------------------------

    def _load(self, rows: Rows) -> None:
        newest = rows.one("SELECT MAX(seq) FROM event")
        self.seq = int(newest[0] or 0) if newest else 0
        for id_, unit in rows.all("SELECT id, unit FROM pool ORDER BY id"):
            self.mirror.pool(id_, UNITS.index(f"{unit}-second"))
        for row in rows.all("SELECT id, pool, units, reported, present, up, drained FROM node ORDER BY id"):
            self._put_node(row[0], Node(*row[1:]))
        self.mirror.half_life = half_life(rows)
        for account, settled, at, *more in rows.all(
            "SELECT id, settled, settled_at, parent, weight, floor, cap FROM account ORDER BY id"
        ):
            self.mirror.account(account, *more)
            self._use(account, settled, at)
        self._site_paused = rows.one("SELECT 1 FROM setting WHERE name = 'paused' AND value = '1'") is not None
        for id_, account, paused in rows.all("SELECT id, account, paused FROM project"):
            self._accounts[id_] = account
            if paused:
                self._paused.add(id_)
        for id_, project, unit, state, left in rows.all(
            "SELECT c.id, c.project, c.unit, c.state, COALESCE(b.amount, 0) FROM credit c"
            " LEFT JOIN balance b ON b.credit = c.id AND b.pot = 'left' ORDER BY c.id"
        ):
            self._open_credit(id_, project, unit, state == "active", left)
        for id_, nodes, start, until in rows.all('SELECT id, nodes, start, until FROM "window" WHERE present = 1'):
            self._window(id_, json.loads(nodes), start, until)
        self._classes = [name for (name,) in rows.all("SELECT name FROM class ORDER BY number")]
        self._load_work(rows)

    def _load_work(self, rows: Rows) -> None:
        for row in rows.all(
            "SELECT id, account, pool, width, units, walltime, submitted, at_once, project, class, tasks - next, again, held,"
            " waits, backoff, live, promised FROM workload WHERE ended = 0 ORDER BY id"
        ):
            id_, job = row[0], Row(*row[1:10])
            fresh, again, held, waits, backoff, live, promised = row[10:]
            why = self._why
            mask = (why.HOLD if held else 0) | (why.AFTER if waits else 0) | (why.BACKOFF if backoff else 0)
            self._open_job(id_, job, int(mask), live)
            if tasks := fresh + len(json.loads(again)):
                self._submit(id_, tasks)
            if promised:
                self._promise(id_, promised)
        for run, token, id_, nodes, intent, started, walltime, class_, guard, safe, stop_for in rows.all(
            "SELECT id, token, workload, nodes, intent, started, walltime, class, guard, safe, stop_for FROM attempt"
            " WHERE open = 1 ORDER BY id"
        ):
            job, begin = self.jobs[id_], started or intent
            self._runs[token] = (run, walltime, safe - begin if safe else 0)
            self.mirror.adopt(
                run, id_, job.account, job.units, json.loads(nodes), begin, begin + walltime, class_, guard, safe
            )
            if stop_for:
                self.mirror.stopping(run, stop_for)

    def _put_node(self, id_: int, node: Node) -> None:
        self._nodes[id_] = node
        usable = bool(node.present and node.up and not node.drained)
        self.mirror.node(id_, node.pool, min(node.units, node.reported), usable)

    def _window(self, id_: int, nodes: list[int], start: int, until: int) -> None:
        from shanyrak.policy.arrays import FAR

        self.mirror.window(id_, nodes, start, until or FAR)

    def _open_credit(self, id_: int, project: str, unit: str, active: bool, left: int) -> None:
        kind = UNITS.index(unit) if unit in UNITS else -1
        self._credits[id_] = Credit(self._accounts[project], kind, active, left)
        self._put_left(self._credits[id_])

    def _put_left(self, changed: Credit) -> None:
        if changed.unit >= 0:
            left = sum(
                c.left
                for c in self._credits.values()
                if c.active and (c.account, c.unit) == (changed.account, changed.unit)
            )
            self.mirror.left(changed.account, changed.unit, left)

    def _move_credit(self, id_: int, amount: int) -> None:
        self._credits[id_].left += amount
        self._put_left(self._credits[id_])

    def _open_job(self, id_: int, job: Row, mask: int, live: int = 0) -> None:
        paused = self._site_paused or job.project in self._paused
        self.jobs[id_], self._live[id_], self._waiting[id_] = job, live, 0
        self._mask[id_] = mask | (int(self._why.PAUSED) if paused else 0)

    def _submit(self, id_: int, tasks: int) -> None:
        from shanyrak.policy.arrays import MANY

        job = self.jobs[id_]
        self._waiting[id_] += tasks
        room = max(0, job.at_once - self._live[id_]) if job.at_once else MANY
        self.mirror.submit(
            id_,
            job.account,
            job.pool,
            job.width,
            job.units,
            tasks,
            room,
            job.walltime,
            job.submitted,
            class_=job.class_,
            block=self._mask[id_],
        )

    # ---- from the events ------------------------------------------------------------------------------------

    def catch_up(self, rows: Rows) -> list[Event]:
        """Apply every event that is newer; gives them."""
        new = events(rows, self.seq)
        for event in new:
            self.apply(event)
        return new

    def apply(self, event: Event) -> None:
        """Apply the next event."""
        handler = getattr(self, "_on_" + event.type.replace(".", "_"), None)
        if handler is not None:
            handler(event, event.data())
        self.seq = event.seq

    def _on_facility_declared(self, event: Event, data: dict[str, Any]) -> None:
        for id_, _, _, unit, *_ in data["pools"]:
            self.mirror.pool(id_, UNITS.index(f"{unit}-second"))
        declared = {id_: (pool, units) for id_, _, pool, units in data["nodes"]}
        for id_ in sorted(self._nodes.keys() | declared.keys()):
            node = self._nodes.get(id_, Node(0, 0, 0, 0, 1, 0))
            if id_ in declared:
                pool, units = declared[id_]
                self._put_node(id_, Node(pool, units, units, 1, node.up, node.drained))
            else:
                self._put_node(id_, replace(node, present=0))
        self.mirror.half_life = data.get("half_life", 0)
        for id_, _, weight, floor, cap in data["sectors"]:
            self.mirror.account(id_, -1, weight, floor, cap)
        if "classes" in data:
            self._reclass([name for _, name, _ in data["classes"]])

    def _reclass(self, names: list[str]) -> None:
        """The order of the classes has changed: what waits goes along with the name of its class."""
        moved = renumbered(self._classes, names)
        self._classes = names
        for id_, job in self.jobs.items():
            if job.class_ not in moved:
                continue
            self.jobs[id_] = job._replace(class_=moved[job.class_])
            if waiting := self._waiting[id_]:
                promised = self._promised.get(id_, 0)
                self.mirror.unqueue(id_)
                self._waiting[id_] = 0
                self._submit(id_, waiting)
                self._promise(id_, promised)

    def _on_node_reported(self, event: Event, data: dict[str, Any]) -> None:
        for id_, units, up, _ in data["nodes"]:
            self._put_node(id_, replace(self._nodes[id_], reported=units, up=up))

    def _on_node_drained(self, event: Event, data: dict[str, Any]) -> None:
        for id_ in data["nodes"]:
            self._put_node(id_, replace(self._nodes[id_], drained=int(event.type == "node.drained")))

    _on_node_resumed = _on_node_drained

    def _on_window_added(self, event: Event, data: dict[str, Any]) -> None:
        self._window(data["id"], data["nodes"], data["start"], data["until"])

    def _on_window_removed(self, event: Event, data: dict[str, Any]) -> None:
        self.mirror.unwindow(data["id"])

    def _on_site_paused(self, event: Event, data: dict[str, Any]) -> None:
        self._site_paused = bool(data["paused"])
        self._pause()

    def _on_project_added(self, event: Event, data: dict[str, Any]) -> None:
        self._accounts[data["id"]] = data["account"]
        self.mirror.account(data["account"], data["parent"], data["weight"], 0, data["cap"])

    def _on_project_paused(self, event: Event, data: dict[str, Any]) -> None:
        self._paused.add(data["id"])
        self._pause()

    def _on_project_resumed(self, event: Event, data: dict[str, Any]) -> None:
        self._paused.discard(data["id"])
        self._pause()

    def _pause(self) -> None:
        for id_, job in self.jobs.items():
            self._block(id_, self._why.PAUSED, self._site_paused or job.project in self._paused)

    def _block(self, id_: int, bit: int, on: bool) -> None:
        self._mask[id_] = self._mask[id_] | int(bit) if on else self._mask[id_] & ~int(bit)
        self.mirror.block(id_, int(bit) if on else 0, 0 if on else int(bit))

    def _on_grant_issued(self, event: Event, data: dict[str, Any]) -> None:
        self._open_credit(data["id"], data["project"], data["unit"], data["state"] == "active", data["amount"])

    def _on_grant_opened(self, event: Event, data: dict[str, Any]) -> None:
        self._credits[data["id"]].active = True
        self._put_left(self._credits[data["id"]])

    def _on_grant_returned(self, event: Event, data: dict[str, Any]) -> None:
        credit = self._credits[data["id"]]
        credit.left -= data["amount"]
        credit.active = data["state"] == "active"
        self._put_left(credit)

    def _on_workload_submitted(self, event: Event, data: dict[str, Any]) -> None:
        if data["state"] in ENDED:
            return
        job = Row(
            data["account"],
            data["pool"],
            data["width"],
            data["units"],
            data["walltime"],
            event.time,
            data["at_once"],
            data["project"],
            data.get("class", 0),
        )
        self._open_job(data["id"], job, int(self._why.AFTER) if data["after"] else 0)
        self._submit(data["id"], data["tasks"])

    def _on_workload_held(self, event: Event, data: dict[str, Any]) -> None:
        self._block(data["id"], self._why.HOLD, bool(data["held"]))

    def _on_workload_freed(self, event: Event, data: dict[str, Any]) -> None:
        self._block(data["id"], self._why.AFTER, bool(data["waits"]))

    def _on_workload_ready(self, event: Event, data: dict[str, Any]) -> None:
        self._block(data["id"], self._why.BACKOFF, False)

    def _on_workload_stopped(self, event: Event, data: dict[str, Any]) -> None:
        self.mirror.unqueue(data["id"])
        self._waiting[data["id"]] = 0
        self._forget_ended(data["id"])

    _on_workload_ended = _on_workload_stopped

    def _forget_ended(self, id_: int) -> None:
        if not self._live[id_] and not self._waiting[id_]:
            for table in (self.jobs, self._live, self._mask, self._waiting):
                del table[id_]
            self._promised.pop(id_, None)

    def _on_attempt_intent(self, event: Event, data: dict[str, Any]) -> None:
        id_, walltime, now = data["workload"], data["walltime"], event.time
        guard, safe = data.get("guard", 0), data.get("safe", 0)
        for run, token, _, _, nodes, holds in data["attempts"]:
            for credit, amount in holds:
                self._move_credit(credit, -amount)
            self.mirror.start(id_, run, nodes, now, now + walltime, guard, now + safe if safe else 0)
            self._runs[token] = (run, walltime, safe)
            self._live[id_] += 1
            self._waiting[id_] -= 1

    def _on_attempt_started(self, event: Event, data: dict[str, Any]) -> None:
        for token, started in data["attempts"]:
            run, walltime, safe = self._runs[token]
            self.mirror.renew(run, started + walltime, started, started + safe if safe else 0)

    def _on_attempt_preempted(self, event: Event, data: dict[str, Any]) -> None:
        self.mirror.stopping(data["run"], data["for"])

    def _on_attempt_ended(self, event: Event, data: dict[str, Any]) -> None:
        id_ = data["workload"]
        self.mirror.end(self._runs.pop(data["token"])[0])
        self._charges(data)
        self._settle_use(data)
        self._live[id_] -= 1
        if data["fate"] == "again":
            self._submit(id_, 1)
            if data["backoff"]:
                self._block(id_, self._why.BACKOFF, True)
        self._forget_ended(id_)

    def _on_attempt_late(self, event: Event, data: dict[str, Any]) -> None:
        self._charges(data)
        self._settle_use(data)

    def _on_work_imported(self, event: Event, data: dict[str, Any]) -> None:
        for row, _, parts in data["works"]:
            for *_, payments in parts:
                for credit, paid in payments:
                    self._move_credit(credit, -paid)
            self._settle_use({"account": row[5], "units": row[8], "ended": row[11], "ran": row[12]})

    def _use(self, account: int, settled: int, at: int) -> None:
        self._used[account] = (settled, at)
        self.mirror.usage(account, settled, at)

    def _settle_use(self, data: dict[str, Any]) -> None:
        if (account := data.get("account", -1)) >= 0:
            use = self._used.get(account, (0, 0))
            self._use(account, *with_attempt(*use, data, self.mirror.half_life))

    def _charges(self, data: dict[str, Any]) -> None:
        for credit, amount, over in data["charges"]:
            if over:
                self._move_credit(credit, -amount)
        for credit, amount in data["releases"]:
            self._move_credit(credit, amount)

    def _promise(self, id_: int, at: int) -> None:
        if at:
            self._promised[id_] = at
        else:
            self._promised.pop(id_, None)
        self.mirror.promise(id_, at)

    def _on_promise_given(self, event: Event, data: dict[str, Any]) -> None:
        self._promise(data["workload"], data["at"])

    _on_promise_moved = _on_promise_given

    def _on_promise_kept(self, event: Event, data: dict[str, Any]) -> None:
        self._promise(data["workload"], 0)

    _on_promise_broken = _on_promise_kept
    _on_promise_void = _on_promise_kept
