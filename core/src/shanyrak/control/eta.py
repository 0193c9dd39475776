"""When a workload starts: its promise, or an estimate from the virtual clock, with what that rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shanyrak.control.now import PATIENCE_S, moment, patience
from shanyrak.control.why import controller_words
from shanyrak.errors import UsageProblem
from shanyrak.model import states
from shanyrak.model.quantities import instant_words

if TYPE_CHECKING:
    from shanyrak.control.site import Site


def eta(site: Site, id_: int) -> dict[str, Any]:
    """`{"id", "state", "start": ms or null, "kind": started | promise | estimate | bound | none, "words", "basis"}`.

    An estimate is what the active policy does on a virtual clock when all work, running and waiting, takes its whole
    walltime and nothing new arrives. A bound is how far that clock came in its time: it does not start before.
    Raises UsageProblem for an unknown id.
    """
    with site.journal.read() as rows:
        row = rows.one("SELECT state, words, started, promised FROM workload WHERE id = ?", (id_,))
    if row is None:
        raise UsageProblem(f"workload {id_}", "it does not exist", "see `shanyrak ps --all`")
    state, words, started, promised = row
    answer: dict[str, Any] = {"id": id_, "state": state, "controller": controller_words(site)}
    if started and state != states.QUEUED:  # what was stopped or lost waits again
        return answer | {
            "start": started,
            "kind": "started",
            "words": f"it started at {instant_words(started)}",
            "basis": "what its engine reported",
        }
    if state in states.ENDED:
        return answer | {
            "start": None,
            "kind": "none",
            "words": f"it never starts: it is {state} ({words})",
            "basis": "its state",
        }
    if state != states.QUEUED:
        return answer | {
            "start": site.journal.now(),
            "kind": "estimate",
            "words": "it is being started",
            "basis": "its state",
        }
    from shanyrak.policy.drive import drive

    now = moment(site)
    at: int | None = None
    reached, trouble = now.view.now, ""
    basis = f"{now.by} on a virtual clock, if all work takes its whole walltime and nothing new comes before it"
    try:
        with patience(5 * PATIENCE_S):
            for start in drive(now.feed.mirror.copy(), now.decide, site.params(), now.view.now):
                reached = start.at
                if start.job == id_:
                    at = start.at
                    break
    except TimeoutError:
        trouble = f"so much waits before it that the clock came no further in {5 * PATIENCE_S:g} s"
    except (Exception, SystemExit) as error:  # a policy is a plugin
        trouble = f"then {type(error).__name__}: {error}"
    basis += f"; {trouble}" if trouble else ""
    if promised:
        answer |= {
            "start": promised,
            "kind": "promise",
            "words": f"promised: at {instant_words(promised)} at the latest"
            + ("" if at or trouble else f"; but as things stand it does not start: see `shanyrak why {id_}`"),
            "basis": "the promise in the journal",
            "estimate": at,
        }
        return answer
    if trouble:
        return answer | {
            "start": reached,
            "kind": "bound",
            "words": f"not before {instant_words(reached)}",
            "basis": basis,
        }
    if at is None:
        return answer | {
            "start": None,
            "kind": "none",
            "words": f"it does not start as things stand: see `shanyrak why {id_}`",
            "basis": basis,
        }
    return answer | {"start": at, "kind": "estimate", "words": f"about {instant_words(at)}", "basis": basis}
