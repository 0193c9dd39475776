"""Requests on work: submit, stop, hold, release. Any process makes them, in one transaction, with no lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shanyrak.control.admit import Desk, Hooks, Receipt
from shanyrak.errors import UsageProblem
from shanyrak.exchange import Refusal
from shanyrak.journal import points
from shanyrak.journal.journal import LINES, Journal, Writer, submission
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states
from shanyrak.model.workload import Spec


def submit(
    journal: Journal, actor: str, specs: Sequence[Spec], desk: Callable[[Rows, int], Desk], hooks: Hooks | None
) -> list[Receipt]:
    """Admit and record `specs`, all or none; a receipt for each. Durable when this returns.

    `hooks`: the plugins' judgement of a request, None when no plugin judges.
    """
    judged = _judge(journal, specs, desk, hooks) if hooks else [None] * len(specs)
    points.reached("submit.before")
    with journal.write(actor) as writer:
        receipts = _record(writer, specs, judged, desk(writer.rows, writer.now))
    points.reached("submit.after")
    return receipts


def _record(writer: Writer, specs: Sequence[Spec], judged: Sequence[Refusal | None], desk: Desk) -> list[Receipt]:
    """Admit in order; write many at once, but what a request looks up (its key, its `after`) before it."""
    newest = writer.rows.one("SELECT COALESCE(MAX(id), 0) FROM workload") or (0,)
    first = id_ = int(newest[0])
    receipts: list[Receipt] = []
    admitted: list[tuple[int, dict[str, Any]]] = []
    keys: set[tuple[str, str]] = set()

    def write() -> None:
        writer.append_many("workload.submitted", admitted)
        admitted.clear()

    for spec, refusal in zip(specs, judged, strict=True):
        key = (spec.project, spec.key)
        if len(admitted) >= LINES or key in keys or max(spec.after, default=0) > first:
            write()
        known = _known(writer, spec) if spec.key else None
        if known:
            receipts.append(known)
            continue
        id_ += 1
        data, receipt = desk.admit(spec, id_, refusal)
        admitted.append((id_, data))
        receipts.append(receipt)
        if spec.key:
            keys.add(key)
    write()
    return receipts


def _judge(
    journal: Journal, specs: Sequence[Spec], desk: Callable[[Rows, int], Desk], hooks: Hooks
) -> list[Refusal | None]:
    """The plugins' first refusal of each request; asked outside any transaction, so that a slow one locks nobody out."""
    with journal.read() as rows:
        at_desk = desk(rows, journal.clock.now())
        asked = [at_desk.request(spec) for spec in specs]
    return [next(iter(hooks(request)), None) if request else None for request in asked]


def _known(writer: Writer, spec: Spec) -> Receipt | None:
    """The workload that has this key already; UsageProblem when it asked for something else."""
    found = writer.rows.one(
        "SELECT id, project, state, reason, words FROM workload WHERE project = ? AND key = ?",
        (spec.project, spec.key),
    )
    if found is None:
        return None
    writer.flush()
    if Spec.model_validate(submission(writer.rows, found[0])["spec"]).model_dump() != spec.model_dump():
        raise UsageProblem(
            f"field 'key': {spec.key!r}", f"workload {found[0]} has it and asks for something else", "use another key"
        )
    id_, project, state, reason, words = found
    return Receipt(id_, project, state, reason, words, existing=True)


def stop(journal: Journal, actor: str, id_: int, allowed: Callable[[str], None], words: str = "") -> str:
    """Ask for the end of a workload; gives its state afterwards. What ended first wins.

    Raises UsageProblem for an unknown id; work that has ended already is left as it is.
    """
    with journal.write(actor) as writer:
        state, owner = _find(writer.rows, id_)
        allowed(owner)
        if state in states.ENDED or writer.rows.one("SELECT 1 FROM workload WHERE id = ? AND stopping != ''", (id_,)):
            return state
        void_promise(writer, id_, "the work was stopped")
        writer.append(
            "workload.stopped", id_, {"id": id_, "reason": "stopped", "words": words or f"stopped by {actor}"}
        )
        after = str((writer.rows.one("SELECT state FROM workload WHERE id = ?", (id_,)) or ("",))[0])
        if after in states.ENDED:
            settle_dependents(writer, id_, after)
    points.reached("stop.after")
    return after


def hold(journal: Journal, actor: str, id_: int, held: bool, allowed: Callable[[str], None]) -> str:
    """Keep waiting work from starting, or let it go again; gives its state. What runs goes on."""
    with journal.write(actor) as writer:
        state, owner = _find(writer.rows, id_)
        allowed(owner)
        if state in states.ENDED:
            raise UsageProblem(f"workload {id_}", f"it has ended ({state})")
        before = writer.rows.one("SELECT held FROM workload WHERE id = ?", (id_,))
        if before and before[0] != int(held):
            writer.append("workload.held", id_, {"id": id_, "held": int(held)})
    return state


def _find(rows: Rows, id_: int) -> tuple[str, str]:
    found = rows.one("SELECT state, actor FROM workload WHERE id = ?", (id_,))
    if found is None:
        raise UsageProblem(f"workload {id_}", "it does not exist", "see `shanyrak ps --all`")
    return str(found[0]), str(found[1])


def void_promise(writer: Writer, id_: int, cause: str) -> None:
    """A promise that has lost its object: neither kept nor broken."""
    found = writer.rows.one("SELECT spell FROM workload WHERE id = ? AND promised != 0", (id_,))
    if found:
        writer.append("promise.void", id_, {"workload": id_, "spell": found[0], "state": "void", "cause": cause})


def settle_dependents(writer: Writer, id_: int, state: str) -> None:
    """A workload has ended: free what came after it if it is done, else cancel that, and what came after that."""
    ended: list[tuple[int, str]] = [(id_, state)]
    while ended:
        before, how = ended.pop()
        waiting = writer.rows.all(
            "SELECT w.id, w.waits FROM dependency d JOIN workload w ON w.id = d.workload"
            " WHERE d.after = ? AND w.state = ? ORDER BY w.id",
            (before, states.QUEUED),
        )
        for other, waits in waiting:
            if how == states.DONE:
                writer.append("workload.freed", other, {"id": other, "waits": waits - 1})
                continue
            void_promise(writer, other, "the work was cancelled")
            end_waiting(
                writer,
                other,
                states.CANCELLED,
                reasons.AFTER_FAILED,
                f"workload {before}, which it came after, is {how}",
            )
            ended.append((other, states.CANCELLED))


def end_waiting(writer: Writer, id_: int, state: str, reason: str, words: str) -> None:
    """End work that waits without having run."""
    data: dict[str, Any] = {"id": id_, "state": state, "reason": reason, "words": words}
    writer.append("workload.ended", id_, data)
