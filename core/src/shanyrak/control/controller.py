"""The controller: observe, settle, decide, dispatch, in rounds, while it holds the lease.

A restart needs no code of its own: what lives is in the journal, what has no launch on record is launched (or found)
by its token, what has one is observed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shanyrak.control import facility, intents, launches, timers
from shanyrak.control.decider import KERNEL_VERSION, Decider, Outcome
from shanyrak.control.engines import Engines
from shanyrak.control.feed import Feed
from shanyrak.control.lease import Lease, LeaseLost
from shanyrak.control.meters import Meters
from shanyrak.control.observers import Observers
from shanyrak.control.promises import give, keep
from shanyrak.control.settle import Open, end, late
from shanyrak.errors import Problem, UnfitProblem
from shanyrak.exchange import Launch, Launched, Seen
from shanyrak.journal import points
from shanyrak.journal.events import parsed
from shanyrak.journal.journal import Writer
from shanyrak.journal.store import Damaged, Row, Rows
from shanyrak.model.reasons import INFRASTRUCTURE, PREEMPTED
from shanyrak.texts import harmless

if TYPE_CHECKING:
    from shanyrak.api import Engine
    from shanyrak.control.site import Site

log = logging.getLogger("shanyrak.controller")

ROUND_S = 0.1
"""The longest that a new event or an end goes unnoticed."""
TROUBLE_S = 1.0
"""How long an engine that failed to launch or stop is left alone."""
FORGET = 200
"""How many recorded ends are enough to tell an engine of, while there is other work."""
NODES_S = 10.0
"""How often engines are asked for their nodes."""
HARMLESS = frozenset(
    {"workload.submitted", "project.added", "policy.proposed", "decision.made", "backup.made", "usage.metered"}
)
"""Events that never make a plan wrong which was made before them."""
SILENT = frozenset(
    {
        "attempt.launched",
        "attempt.known",
        "attempt.pending",
        "attempt.unknown",
        "decision.made",
        "backup.made",
        "policy.proposed",
        "clock.stepped",
        "promise.given",
        "promise.moved",
        "lease.taken",
        "usage.metered",
    }
)
"""Events after which the same policy would decide the same: no reason for a round."""


LAUNCH_PART = 64
"""How many launches an engine is asked for at once."""
LAUNCH_S = 5.0
"""An engine that is asked later than this after the lease was checked starts nothing: less than a lease's silence."""


class Controller:
    """One controller over a site. `step` is one round; `run` goes on until it is told to stop."""

    def __init__(self, site: Site, lease: Lease, engines: dict[int, Engine], decider: Decider) -> None:
        self.site, self.lease, self.decider = site, lease, decider
        self.engines = Engines(engines)
        self.journal, self.actor, self._token = site.journal, "controller", site.token
        self.open: dict[str, Open] = {}
        self._told: dict[str, float] = {}
        self._watch: dict[str, Open] = {}
        self._answers: list[tuple[Open, Launched]] = []
        self._asked_nodes = -NODES_S
        self._decided = -1
        self._wake = 0
        self._timer = 0
        self._retrying = False
        self._version = -1
        self._carry: list[int] = []
        self._observers, self._meters = Observers(site), Meters(site)
        with self.journal.read() as rows:
            self.feed = Feed(rows)
            self._load(rows)

    # ---- the loop -------------------------------------------------------------------------------------------

    def run(self, stopped: Callable[[], bool], until_idle: bool, tick: Callable[[], None] = lambda: None) -> None:
        """Rounds until `stopped()`, or, with `until_idle`, until nothing is left that could happen.

        What keeps it from writing is told once, and again when it is another or has come back.
        """
        trouble = ""
        while not stopped():
            try:
                busy = self.step()
            except (LeaseLost, Damaged):
                raise
            except UnfitProblem as problem:  # a locked journal, a full disk: wait, lose nothing
                if str(problem) != trouble:
                    log.warning("%s The controller waits.", problem)
                trouble = str(problem)
                self._recover()
                time.sleep(TROUBLE_S)
                continue
            if trouble:
                log.warning("the controller goes on")
                trouble = ""
            tick()
            if not busy:
                if until_idle and self.idle():
                    return
                self.engines.wait({a.pool for a in self.open.values()}, ROUND_S)

    def idle(self) -> bool:
        """Nothing lives and nothing that waits could start by time alone."""
        return not self.open and not self._wake and not self._retrying

    def step(self) -> bool:
        """One round; True when something was done."""
        self.lease.heartbeat()
        self._catch_up()  # first, so that what was stopped meanwhile is not launched
        busy = self._report_nodes()
        busy |= self._observe()
        busy |= self._stop()
        busy |= self._ring()
        busy |= self._launch_pending()
        self._catch_up()
        if self.decider.tend():
            self._decided = -1  # what the core decided in its place is the policy's to decide now
        if self._decided != self.feed.seq or (self._wake and self._now() >= self._wake):
            busy |= self._decide()
        busy |= self._meters.read(self._acting)
        busy |= self._observers.show()
        self.engines.forget(FORGET if busy else 1)
        return busy

    def close(self) -> None:
        """Let go: the lease, the child, the engines. What runs goes on."""
        self.decider.close()
        try:
            if self._answers:
                self._settle([], [], [])
            self.engines.forget(1)
        except Problem as problem:  # the next controller finds it all by its tokens
            log.info("%s", problem)
        self.engines.close()
        self._meters.close()
        try:
            self.lease.leave(self.actor)
        except Problem as problem:
            log.info("%s", problem)

    # ---- what is known --------------------------------------------------------------------------------------

    def _load(self, rows: Rows) -> None:
        """What lives, and what was closed as lost and may still report, from the tables."""
        found = rows.all(
            "SELECT a.token, a.id, a.workload, a.task, a.try, w.pool, a.launched, a.started, a.stop, a.stop_for,"
            " a.unknown_since, a.open, a.words FROM attempt a JOIN workload w ON w.id = a.workload"
            " WHERE a.open = 1 OR ((w.lost != 0 OR w.unfenced = 1)"
            " AND a.cause IN ('absent', 'node', 'unknown')"
            " AND NOT EXISTS (SELECT 1 FROM charge c WHERE c.token = a.token))"
        )
        attempts = [(_open(row), row[11]) for row in found]
        self._carry = self._last_carry(rows)
        self.open = {attempt.token: attempt for attempt, lives in attempts if lives}
        self._watch = {attempt.token: attempt for attempt, lives in attempts if not lives}
        for token, pool in rows.all(
            "SELECT a.token, w.pool FROM attempt a JOIN workload w ON w.id = a.workload WHERE a.open = 0"
            " AND a.id > (SELECT COALESCE(MAX(id), 0) FROM attempt) - ?",
            (5 * FORGET,),
        ):
            if token not in self._watch:
                self.engines.gone(pool, token)

    def _last_carry(self, rows: Rows) -> list[int]:
        """What the newest decision handed on, if the same policy made it and none was activated since."""
        found = rows.one("SELECT seq, payload FROM event WHERE type = 'decision.made' ORDER BY seq DESC LIMIT 1")
        if not found or rows.one("SELECT 1 FROM event WHERE type = 'policy.activated' AND seq > ?", (found[0],)):
            return []
        last = parsed(found[1])
        return list(last["carry"]) if last["policy"] == self.decider.name else []

    def _recover(self) -> None:
        """After a failed transaction: forget what was only in memory and read it again."""
        try:
            with self.journal.read() as rows:
                self.feed = Feed(rows)
                self._load(rows)
            self._answers.clear()
            self._decided, self._version = -1, -1
        except Problem as problem:  # the next round tells
            log.debug("%s", problem)

    def _catch_up(self) -> None:
        version = self.journal.store.version()
        if version == self._version:
            return
        before = self.feed.seq
        with self.journal.read() as rows:
            new = self.feed.catch_up(rows)
            self._timer = timers.soonest(rows)
            self._retrying = rows.one("SELECT 1 FROM workload WHERE ended = 0 AND backoff != 0") is not None
        self._version = version
        if self._decided == before and all(event.type in SILENT for event in new):
            self._decided = self.feed.seq
        if any(event.type == "policy.activated" for event in new):
            self._change_policy()
        if any(event.type in ("facility.declared", "settings.changed") for event in new):
            self._change_settings()
        if any(event.type == "facility.declared" for event in new):
            self._change_engines()
        for event in new:
            if event.type == "workload.stopped":
                id_ = event.data()["id"]
                for attempt in self.open.values():
                    if attempt.workload == id_:
                        attempt.stop = event.data()["reason"]

    def _change_policy(self) -> None:
        """Another policy was activated: it decides once it is warm, the kernel until then. Nothing is carried over."""
        self._carry = []
        try:
            decider = self.site.decider()
        except Problem as problem:
            log.warning("%s", problem)
            return
        self.decider.close()
        self.decider = decider

    def _change_settings(self) -> None:
        """commons.toml was changed: what it says counts from now on."""
        try:
            self.site.reload()
        except Problem as problem:
            log.warning("%s", problem)
            return
        self.decider.params = self.site.params()

    def _change_engines(self) -> None:
        """The facility was declared anew: engines are made for it as it is now."""
        try:
            engines = self.site.engines()
        except Problem as problem:
            log.warning("%s", problem)
            return
        self.engines.close()
        self.engines = Engines(engines)

    def _now(self) -> int:
        return self.journal.clock.now()

    @contextmanager
    def _acting(self) -> Iterator[Writer]:
        """A transaction of an act: it fails when the lease is lost."""
        try:
            with self.journal.write(self.actor) as writer:
                self.lease.check(writer.rows)
                if step := self.journal.clock.take_step():
                    writer.append("clock.stepped", "clock", {"by": step})
                yield writer
        finally:
            self._version = -1  # our own commits do not move the store's version

    # ---- engines --------------------------------------------------------------------------------------------

    def _report_nodes(self) -> bool:
        if time.monotonic() - self._asked_nodes < NODES_S:
            return False
        self._asked_nodes = time.monotonic()
        nodes = self.engines.nodes()
        with self.journal.read() as rows:
            changed = [line for pool, seen in nodes.items() for line in facility.reported(rows, pool, seen)]
        if changed:
            with self._acting() as writer:
                writer.append("node.reported", "facility", {"nodes": changed})
            points.reached("nodes.after")
        return bool(changed)

    def _observe(self) -> bool:
        changes: list[tuple[Open, Seen]] = []
        after: list[tuple[Open, Seen]] = []
        unknown: list[Open] = []
        watched = [a for a in self.open.values() if a.launched or a.token in self._told]
        for pool, attempts in self.engines.by_pool([*watched, *self._watch.values()]).items():
            reached, seen = self.engines.ask(pool, "observe", [a.token for a in attempts])
            if not reached:
                unknown += [a for a in attempts if a.token in self.open and not a.unknown]
                continue
            for attempt, what in zip(attempts, seen, strict=True):
                if attempt.token not in self.open:
                    if what.state == "ended" and what.ran_ms:
                        after.append((attempt, what))
                elif what.state == "unknown":
                    if not attempt.unknown:
                        unknown.append(attempt)
                elif what.state == "pending" and what.words == attempt.pending and not attempt.unknown:
                    continue
                elif what.state in ("ended", "absent", "pending") or not attempt.started or attempt.unknown:
                    changes.append((attempt, what))
        if not (changes or after or unknown or self._answers):
            return False
        self._settle(changes, after, unknown)
        return True

    def _settle(self, changes: list[tuple[Open, Seen]], after: list[tuple[Open, Seen]], unknown: list[Open]) -> None:
        """One transaction for all that engines said: launches, starts, ends, silence."""
        points.reached("settle.before")
        answers = list(self._answers)
        with self._acting() as writer:
            self._record_launches(writer, answers)
            if unknown:
                writer.append("attempt.unknown", "attempts", {"tokens": [a.token for a in unknown]})
            started: dict[int, list[list[Any]]] = {}
            pending: dict[int, list[list[str]]] = {}
            for attempt, seen in changes:
                if seen.state in ("ended", "absent"):
                    end(writer, attempt, seen)
                elif seen.state == "pending":
                    pending.setdefault(attempt.workload, []).append([attempt.token, seen.words])
                elif not attempt.started:
                    attempt.started = seen.started_ms or writer.now
                    started.setdefault(attempt.workload, []).append([attempt.token, attempt.started])
                else:
                    writer.append("attempt.known", attempt.token, {"tokens": [attempt.token]})
            for id_, pairs in started.items():
                writer.append("attempt.started", id_, {"workload": id_, "attempts": pairs})
            for id_, said in pending.items():
                writer.append("attempt.pending", id_, {"workload": id_, "attempts": said})
            for attempt, seen in after:
                late(writer, attempt.token, seen)
        points.reached("settle.after")
        for attempt in unknown:
            attempt.unknown = True
        for attempt, seen in changes:
            attempt.unknown = False
            attempt.pending = seen.words if seen.state == "pending" else ""
            if (seen.state == "absent" or seen.cause in INFRASTRUCTURE) and not seen.fenced:
                self._watch[attempt.token] = attempt
            if seen.state in ("ended", "absent"):
                self._close(attempt)
        for attempt, _ in after:
            self._watch.pop(attempt.token, None)
        del self._answers[: len(answers)]

    def _close(self, attempt: Open) -> None:
        """Its end is on record: it does not live any more, and its engine may forget it."""
        self.open.pop(attempt.token, None)
        self._told.pop(attempt.token, None)
        if attempt.token not in self._watch:
            self.engines.gone(attempt.pool, attempt.token)

    def _stop(self) -> bool:
        """Tell engines to stop what a person or a plan stops, again every few seconds until it has ended."""
        now = time.monotonic()
        due = [a for a in self.open.values() if a.stop and now - self._told.get(a.token, -60.0) > 5.0]
        if due:
            points.reached("stopped.before")
        told = False
        for pool, attempts in self.engines.by_pool(due).items():
            tokens = [a.token for a in attempts]
            if self.engines.ask(pool, "stop", tokens)[0]:
                points.reached("stopped.after")
                self._told.update(dict.fromkeys(tokens, now))
                told = True
        return told

    def _ring(self) -> bool:
        if not self._timer or self._now() < self._timer:
            return False
        with self._acting() as writer:
            timers.ring(writer)
            self._timer = timers.soonest(writer.rows)
        points.reached("ring.after")
        return True

    # ---- decide and dispatch --------------------------------------------------------------------------------

    def _decide(self) -> bool:
        from shanyrak.policy.arrays import ints

        points.reached("decide.before")
        seq, now = self.feed.seq, self._now()
        outcome = self.decider.decide(self.feed.mirror.view(seq, now), ints(self._carry))
        points.reached("intent.before")
        with self._acting() as writer:
            moved = {type_ for (type_,) in writer.rows.all("SELECT DISTINCT type FROM event WHERE seq > ?", (seq,))}
            if moved - HARMLESS:
                return True  # what the plan was made from has changed: decide again
            opened, stopped = self._write(writer, outcome, seq, now)
            self._decided = seq if moved else writer.seq
        points.reached("intent.after")
        self._wake = outcome.plan.wake if outcome.plan.wake > now else 0
        self.open.update({attempt.token: attempt for attempt in opened})
        for token, work in stopped.items():
            self.open[token].stop, self.open[token].stop_for = PREEMPTED, work
        self._catch_up()
        if stopped:
            self._stop()
        if opened:
            self._launch(opened)
        return bool(opened or stopped)

    def _write(self, writer: Writer, outcome: Outcome, seq: int, now: int) -> tuple[list[Open], dict[str, int]]:
        """The plan as events: what starts, and what is stopped for which work. A round that changes nothing writes nothing."""
        plan, before = outcome.plan, writer.seq
        opened: list[Open] = []
        stopped = intents.preempt(writer, plan.stop_run.tolist(), plan.stop_for.tolist(), plan.stop_claim.tolist())
        purse = intents.Purse(writer.rows, {})
        guards = dict(zip(plan.start_job.tolist(), plan.start_guard.tolist(), strict=False))
        for id_, tasks in plan.starts():
            started = intents.intend(writer, purse, self._token, id_, tasks, guards.get(id_, 0))
            if started:
                keep(writer, id_)
            opened += started
        give(writer, plan.promise_job.tolist(), plan.promise_at.tolist(), int(self.decider.params["margin"]))
        if writer.seq > before or outcome.by == "fallback":
            # The carry of a round that wrote nothing is let go, so that the journal alone gives every decision again.
            self._carry = carry = outcome.carry.tolist()
            shown = {name: value for name, value in plan.to_dict().items() if not name.startswith("wait_")}
            writer.append(
                "decision.made",
                seq,
                {
                    "view": seq,
                    "now": now,
                    "policy": self.decider.name,
                    "kernel": KERNEL_VERSION,
                    "params": dict(self.decider.params),
                    "carry": carry,
                    "plan": shown,
                    "plan_hash": plan.hash(),
                    "outcome": outcome.by,
                    "cause": harmless(outcome.cause),  # a policy's words
                },
            )
        return opened, stopped

    def _launch_pending(self) -> bool:
        """Attempts whose launch is not on record: after a restart, or when an engine did not answer."""
        pending = [a for a in self.open.values() if not a.launched and not a.stop]
        self._tell_silence([a for a in pending if not self.engines.answering(a.pool)])
        return bool(pending) and self._launch(pending)

    def _launch(self, attempts: list[Open]) -> bool:
        answers: list[tuple[Open, Launched]] = []
        for pool, group in self.engines.by_pool(attempts).items():
            with self.journal.read() as rows:
                ready, impossible = launches.launches(rows, [a.token for a in group], self.site.secrets)
            known = {a.token: a for a in group}
            answers += [
                (known[token], Launched(token, refused=words, user_fault=True)) for token, words in impossible.items()
            ]
            replies = self._ask_launches(pool, ready)
            answers += [(known[reply.token], reply) for reply in replies]
            untold = known.keys() - impossible.keys() - {reply.token for reply in replies}
            self._tell_silence([known[token] for token in sorted(untold)])
        for attempt, _ in answers:
            attempt.launched = True
        refused = [(attempt, _refused(reply)) for attempt, reply in answers if reply.refused]
        # What was launched goes on record with what is seen next: one commit less, and a token finds it after a crash.
        self._answers += [(attempt, reply) for attempt, reply in answers if not reply.refused]
        if refused:
            self._settle(refused, [], [])
        return bool(answers)

    def _tell_silence(self, attempts: Sequence[Open]) -> None:
        """Put on record, once an attempt, why its engine gave no answer to its launch: who asks `why` is told so."""
        silent = [
            (attempt, Seen(attempt.token, "pending", words=f"its engine gave no answer yet: {trouble}"))
            for attempt in attempts
            if not attempt.pending and (trouble := self.engines.trouble(attempt.pool))
        ]
        if silent:
            self._settle(silent, [], [])

    def _ask_launches(self, pool: int, ready: Sequence[Launch]) -> list[Launched]:
        """Ask an engine in parts, so that each is asked while this controller surely holds the lease."""
        answers: list[Launched] = []
        for first in range(0, len(ready), LAUNCH_PART):
            not_after = round((time.monotonic() + LAUNCH_S) * 1000)
            with self.journal.read() as rows:
                self.lease.check(rows)
            part = [replace(one, not_after_ms=not_after) for one in ready[first : first + LAUNCH_PART]]
            points.reached("launch.before")
            reached, replies = self.engines.ask(pool, "launch", part)
            points.reached("launch.after")
            if not reached:
                break
            answers += replies
        return answers

    def _record_launches(self, writer: Writer, answers: Sequence[tuple[Open, Launched]]) -> None:
        launched: dict[int, list[list[str]]] = {}
        for attempt, reply in answers:
            launched.setdefault(attempt.workload, []).append([reply.token, reply.handle, ",".join(reply.isolation)])
        for id_, lines in launched.items():
            writer.append("attempt.launched", id_, {"attempts": lines})


def _refused(reply: Launched) -> Seen:
    """A refused launch as the end of its attempt; trouble of the engine's own costs the work no try."""
    cause = "launch" if reply.user_fault else "refused"
    return Seen(reply.token, "ended", cause=cause, words=reply.refused, fenced=True)


def _open(row: Row) -> Open:
    token, id_, workload, task, number, pool, launched, started, stop, stop_for, unknown, _, words = row
    return Open(token, id_, workload, task, number, pool, bool(launched), started, stop, stop_for, bool(unknown), words)
