"""Why a workload is where it is: every reason that holds, by rule, with the number that would change it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shanyrak.control.now import Moment, moment
from shanyrak.errors import UsageProblem
from shanyrak.journal.journal import submission
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states
from shanyrak.model.quantities import amount_words, duration_words, instant_words
from shanyrak.model.workload import Spec

if TYPE_CHECKING:
    from shanyrak.control.site import Site

RULES = (
    "HOLD",
    "PAUSED",
    "AFTER",
    "BACKOFF",
    "GRANT",
    "NODES",
    "CAP",
    "WINDOW",
    "TASKS",
    "RESERVATION",
    "ORDER",
    "FIT",
)
"""The tests of waiting work, the one to tell first in front."""

BRIEF = {
    "HOLD": "held by a person",
    "PAUSED": "its project or the site is paused",
    "AFTER": "what it comes after has not ended",
    "BACKOFF": "waits before it is tried again",
    "GRANT": "its project's grants are short",
    "NODES": "too few usable nodes",
    "CAP": "its project or sector is at its cap",
    "WINDOW": "an operator's window is in the way",
    "TASKS": "as many of its tasks run as it allows",
    "RESERVATION": "would delay work with a reservation",
    "ORDER": "work before it in line waits",
    "FIT": "too few free units",
}


def waiting_words(site: Site) -> dict[int, tuple[str, str]]:
    """For each waiting workload the first rule that keeps it, and what that means."""
    from shanyrak.policy.reasons import Why

    now = moment(site)
    found: dict[int, tuple[str, str]] = {
        int(job): ("starting", "starts in the next round, if a controller is running") for job in now.plan.start_job
    }
    masks = now.plan.wait_why.tolist()
    first = {mask: next((name for name in RULES if mask & Why[name]), "") for mask in set(masks)}
    for job, mask in zip(now.plan.wait_job.tolist(), masks, strict=True):
        if rule := first[mask]:
            found.setdefault(job, (rule.lower(), BRIEF[rule]))  # of an array a part may start
    return found


def why(site: Site, id_: int) -> dict[str, Any]:
    """`{"id", "state", "words", "reasons": [{"rule", "words", "need"?, "have"?, "change"}], "decided_by"?}`.

    Of what waits, also its `class`, and what that is promised (`promise`, in words). `preemption`: lines on what is
    stopped for it, or on what it is or was stopped for. Raises UsageProblem for an unknown id.
    """
    now_ms = site.journal.now()
    with site.journal.read() as rows:
        row = rows.one("SELECT state, reason, words FROM workload WHERE id = ?", (id_,))
        if row is None:
            raise UsageProblem(f"workload {id_}", "it does not exist", "see `shanyrak ps --all`")
        state, reason, words = row
        nearest = _nearest(rows, id_) or _task_logs(rows, id_, reason)
        told = _preemption(rows, id_)
        silent = _unknown(rows, id_, now_ms)
    answer: dict[str, Any] = {"id": id_, "state": state, "words": words, "reasons": []}
    if told:
        answer["preemption"] = told
    if state != states.QUEUED:
        entry = {"rule": reason, "words": words, "change": nearest or _afterwards(state, reason)}
        answer["reasons"] += [entry, *silent]
        return answer
    now = moment(site)
    answer |= _class(site, id_)
    answer["decided_by"] = now.by
    answer["controller"] = controller_words(site)
    if id_ in now.plan.start_job:
        answer["words"] = "it starts in the next round"
        answer["reasons"].append(
            {"rule": "next", "words": "nothing keeps it: it starts in the next round", "change": answer["controller"]}
        )
        return answer
    with site.journal.read() as rows:
        explain = _Explain(site, rows, now, id_)
        mask = now.mask(id_)
        from shanyrak.policy.reasons import Why

        answer["reasons"] = [explain.rule(name) for name in RULES if mask & Why[name]]
    answer["words"] = answer["reasons"][0]["words"] if answer["reasons"] else "waits for the next decision"
    return answer


def _class(site: Site, id_: int) -> dict[str, str]:
    """The service class of a workload, and which start its work is promised."""
    with site.journal.read() as rows:
        found = rows.one(
            "SELECT c.number, c.name, w.width * w.units FROM workload w JOIN class c ON c.number = w.class WHERE w.id = ?",
            (id_,),
        )
    if found is None:
        return {}
    number, name, units = found
    params = site.params()
    if int(params["promise_classes"]) >> number & 1:
        words = "each of its work that is first in line is promised a start"
    elif int(params["promise_never"]) >> number & 1:
        words = "none of its work is promised a start"
    else:
        words = f"work that is first in line is promised a start from {params['promise_units']} units on; this takes {units}"
    return {"class": name, "promise": words}


def _unknown(rows: Rows, id_: int, now: int) -> list[dict[str, str]]:
    """That the engine cannot tell what became of some attempts, if that is so: nothing is concluded of them until it can."""
    found = rows.one(
        "SELECT COUNT(*), MIN(unknown_since) FROM attempt WHERE workload = ? AND open = 1 AND unknown_since > 0", (id_,)
    )
    if found is None or not found[0]:
        return []
    silence = duration_words(max(0, now - found[1]))
    words = f"its engine has not been able to tell for {silence} what became of {found[0]} attempt(s)"
    return [{"rule": "unknown", "words": words, "change": "see `shanyrak doctor`, and the nodes they ran on"}]


def _preemption(rows: Rows, id_: int) -> list[str]:
    """What is being stopped for this workload, and what its own attempts are, or since it waits were last, stopped for."""
    leaving = rows.all(
        "SELECT workload, COUNT(*) FROM attempt WHERE open = 1 AND stop_for = ? GROUP BY workload", (id_,)
    )
    told = [f"being stopped for it: {attempts} attempt(s) of workload {other}" for other, attempts in leaving]
    for try_, open_, ended, other, claim, guard in rows.all(
        "SELECT a.try, a.open, a.ended, a.stop_for, a.claim, a.guard FROM attempt a JOIN workload w ON w.id = a.workload"
        " WHERE w.id = ? AND w.ended = 0 AND a.stop_for != 0 AND NOT EXISTS (SELECT 1 FROM attempt b"
        " WHERE b.workload = a.workload AND b.task = a.task AND b.try > a.try) ORDER BY a.id LIMIT 3",
        (id_,),
    ):
        what = "is being stopped" if open_ else f"was stopped at {instant_words(ended)}"
        told.append(
            f"attempt {try_} {what} for workload {other}, whose claim {claim} is above its guard {guard}; "
            "it keeps its place in line and has lost no try"
        )
    return told


def _nearest(rows: Rows, id_: int) -> str:
    return str(submission(rows, id_).get("nearest", ""))


def _task_logs(rows: Rows, id_: int, reason: str) -> str:
    """Of an array of which a task failed by itself: where to read what the first such task said."""
    found = rows.one(
        "SELECT a.task FROM attempt a JOIN workload w ON w.id = a.workload WHERE w.id = ? AND w.tasks > 1 AND a.open = 0"
        " AND a.cause = 'ended' AND NOT (a.exit_code = 0 AND a.signal = 0) ORDER BY a.ended, a.task LIMIT 1",
        (id_,),
    )
    if found is None or reason not in (reasons.EXIT, reasons.SIGNAL):
        return ""
    return (
        f"see `shanyrak logs {id_} --task {Spec.model_validate(submission(rows, id_)['spec']).tasks.index(found[0])}`"
    )


def _afterwards(state: str, reason: str) -> str:
    tips = {
        "pending": "wait, or ask whoever runs its engine",
        "walltime": "ask for a longer --walltime",
        "memory": "ask for more --mem",
        "exit": "see `shanyrak logs`",
        "signal": "see `shanyrak logs`",
        "launch": "correct the command or the working folder and submit again",
    }
    return tips.get(reason, "")


def controller_words(site: Site) -> str:
    """Whether a controller acts now."""
    from shanyrak.control.lease import Holder, judge, myself

    with site.journal.read() as rows:
        found = rows.one("SELECT host, boot, pid, started FROM lease WHERE held = 1")
    verdict = judge(Holder(*found), myself()) if found else "dead"
    if found is None or verdict == "dead":
        return "no controller is running: start one with `shanyrak up`"
    unseen = ", which cannot be seen from here" if verdict == "unknown" else ""
    return f"the controller is pid {found[2]} on {found[0]}{unseen}"


class _Explain:
    """Words and numbers for each rule, for one workload at one moment."""

    def __init__(self, site: Site, rows: Rows, now: Moment, id_: int) -> None:
        self.site, self.rows, self.now, self.id = site, rows, now, id_
        view, row = now.view, now.view.row(id_)
        self.width, self.units = int(view.job_width[row]), int(view.job_units[row])
        self.limit, self.account, self.pool = (
            int(view.job_limit[row]),
            int(view.job_account[row]),
            int(view.job_pool[row]),
        )
        found = rows.one(
            "SELECT w.project, p.name, p.unit FROM workload w JOIN pool p ON p.id = w.pool WHERE w.id = ?", (id_,)
        )
        assert found is not None
        self.project, self.pool_name, self.unit = found

    def rule(self, name: str) -> dict[str, Any]:
        """One reason: rule, words, what it needs and has, what would change it."""
        return {"rule": name.lower(), **getattr(self, f"_{name.lower()}")()}

    def _hold(self) -> dict[str, Any]:
        found = self.rows.one(
            "SELECT actor FROM event WHERE type = 'workload.held' AND subject = ? ORDER BY seq DESC", (str(self.id),)
        )
        return {"words": f"held by {found[0] if found else 'a person'}", "change": f"shanyrak release {self.id}"}

    def _paused(self) -> dict[str, Any]:
        row = self.rows.one("SELECT paused FROM project WHERE id = ?", (self.project,))
        if row and row[0]:
            return {"words": f"project {self.project} is paused", "change": f"shanyrak resume {self.project}"}
        return {"words": "the whole site is paused", "change": "shanyrak resume"}

    def _after(self) -> dict[str, Any]:
        waits = [
            f"{a} ({state})"
            for a, state in self.rows.all(
                "SELECT d.after, w.state FROM dependency d JOIN workload w ON w.id = d.after WHERE d.workload = ? AND w.ended = 0"
                " ORDER BY d.after",
                (self.id,),
            )
        ]
        return {
            "words": f"comes after {', '.join(waits)}",
            "need": 0,
            "have": len(waits),
            "change": f"it may start when {'that is' if len(waits) == 1 else 'those are'} done",
        }

    def _backoff(self) -> dict[str, Any]:
        row = self.rows.one("SELECT backoff, words FROM workload WHERE id = ?", (self.id,)) or (0, "")
        left = max(0, int(row[0]) - self.now.view.now)
        return {"words": str(row[1]), "change": f"it is tried again in {duration_words(left)}"}

    def _grant(self) -> dict[str, Any]:
        unit = f"{self.unit}-second"
        need = self.width * self.units * -(-self.limit // 1000)
        have = int(self.now.view.acc_left[self.account, int(self.now.view.pool_unit[self.pool])])
        longest = max(0, have) // (self.width * self.units)
        change = f"a grant of {amount_words(need - have, unit)} more"
        if longest:
            change += f", or the same with --walltime {longest}s"
        coming = self.rows.one(
            "SELECT id, start FROM credit WHERE project = ? AND unit = ? AND state = 'future' ORDER BY start, id",
            (self.project, unit),
        )
        if coming:
            change += f", or grant {coming[0]}, which begins at {instant_words(int(coming[1]))}"
        return {
            "words": f"a start sets aside {amount_words(need, unit)}; the grants of {self.project} have "
            f"{amount_words(have, unit)} left",
            "need": need,
            "have": have,
            "change": change,
        }

    def _open_nodes(self) -> Any:
        view = self.now.view
        return (view.node_pool == self.pool) & (view.node_open != 0)

    def _nodes(self) -> dict[str, Any]:
        usable = self._open_nodes() & (self.now.view.node_units >= self.units)
        have = int(usable.sum())
        return {
            "words": f"it needs {self.width} node(s) of {self.units} units; {have} usable in pool {self.pool_name}",
            "need": self.width,
            "have": have,
            "change": f"{self.width - have} more node(s): see `shanyrak node list`",
        }

    def _fit(self) -> dict[str, Any]:
        view, plan = self.now.view, self.now.plan
        left = view.node_free.copy()
        for job, tasks in plan.starts():  # what starts before it in this round has its units already
            for nodes in tasks:
                left[nodes] -= view.job_units[view.row(job)]
        free = left[self._open_nodes()]
        have = int((free >= self.units).sum())
        most = int(free.max()) if len(free) else 0
        words = (
            f"it needs {self.units} free {self.unit} unit(s) on {self.width} node(s) of pool {self.pool_name}; "
            f"{have} node(s) have that, the most free on one is {most}"
        )
        ends = self.now.view.run_end[self.now.view.run_end > self.now.view.now]
        change = f"units that free: the next by {instant_words(int(ends.min()))} at the latest" if len(ends) else ""
        return {"words": words, "need": self.width, "have": have, "change": change or "units that free"}

    def _cap(self) -> dict[str, Any]:
        view, at = self.now.view, self.account
        need = self.width * self.units
        while at >= 0:
            cap, use = int(view.acc_cap[at]), int(view.acc_use[at])
            if 0 <= cap < use + need:
                name = (self.rows.one("SELECT name FROM account WHERE id = ?", (at,)) or ("",))[0].replace("/", " ")
                return {
                    "words": f"{name} uses {use} of at most {cap} units and this needs {need}",
                    "need": need,
                    "have": max(0, cap - use),
                    "change": f"a cap of at least {need}, or to ask for less"
                    if need > cap
                    else f"{use + need - cap} unit(s) of its own that end, or a higher cap",
                }
            at = int(view.acc_parent[at])
        return {"words": "the active policy's cap for its account is reached", "change": "units of its own that end"}

    def _window(self) -> dict[str, Any]:
        """Of the windows on nodes of its pool, those that its time would reach into."""
        now, ours = self.now.view.now, self._usable()
        found = [
            (id_, start, until, reason, ours & set(json.loads(nodes)))
            for id_, nodes, start, until, reason in self.rows.all(
                'SELECT id, nodes, start, until, reason FROM "window" WHERE present = 1 AND start < ?'
                " AND (until = 0 OR until > ?) ORDER BY start, id",
                (now + self.limit, now),
            )
        ]
        found = [one for one in found if one[4]]
        opened = [one for one in found if one[1] <= now]
        starts = [start for _, start, *_ in found if start > now]
        outside = len(ours.difference(*(one[4] for one in opened)))
        room = min(starts) - now if starts and outside >= self.width else 0
        if room:
            change = f"a walltime of at most {duration_words(room)}"
        else:
            ends = [(until, id_) for id_, _, until, _, _ in opened or found if until]
            change = f"the end of window {min(ends)[1]} at {instant_words(min(ends)[0])}" if ends else "its end"
        told = [
            f"window {id_} from {instant_words(start)}" + (f" ({reason})" if reason else "")
            for id_, start, _, reason, _ in found
        ]
        return {
            "words": f"it would run into {', '.join(told[:3])}",
            "need": self.limit,
            "have": room,
            "change": change,
        }

    def _usable(self) -> set[int]:
        """The nodes of its pool that are large enough and up, windows apart."""
        return {
            int(row[0])
            for row in self.rows.all(
                "SELECT id FROM node WHERE pool = (SELECT pool FROM workload WHERE id = ?) AND present = 1"
                " AND up = 1 AND drained = 0 AND units >= ? AND reported >= ?",
                (self.id, self.units, self.units),
            )
        }

    def _tasks(self) -> dict[str, Any]:
        row = self.rows.one("SELECT at_once, live FROM workload WHERE id = ?", (self.id,)) or (0, 0)
        return {
            "words": f"{row[1]} of its tasks run and it allows {row[0]} at once",
            "need": 1,
            "have": max(0, row[0] - row[1]),
            "change": "a task of its own that ends",
        }

    def _reserved(self) -> list[tuple[int, int]]:
        jobs, times = self.now.plan.hold_job.tolist(), self.now.plan.hold_at.tolist()
        return [(job, at) for job, at in zip(jobs, times, strict=True) if job != self.id]

    def _reservation(self) -> dict[str, Any]:
        held = self._reserved()
        if not held:
            return {"words": "the free units are kept for work with a reservation", "change": "that work's start"}
        job, at = min(held, key=lambda pair: pair[1])
        room = max(0, at - self.now.view.now)
        return {
            "words": f"it fits now, but would delay workload {job}, whose start is reserved for {instant_words(at)}",
            "need": self.limit,
            "have": room,
            "change": f"a walltime of at most {duration_words(room)}, or the start of {job}",
        }

    def _order(self) -> dict[str, Any]:
        view = self.now.view
        waiting = (view.job_pool == self.pool) & (view.job_tasks > 0) & (view.job_block == 0)
        ahead = [int(job) for job in view.job_id[waiting] if int(job) != self.id]
        first = ahead[0] if ahead else 0
        return {
            "words": f"the policy keeps strict order and workload {first} stands before it",
            "change": f"the start of {first}",
        }
