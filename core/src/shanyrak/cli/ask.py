"""`shanyrak why` and `shanyrak eta`: the two questions of everyone who waits."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened, work_id
from shanyrak.cli.output import emit_json, tell
from shanyrak.model.quantities import duration_words


@click.command()
@work_id
@as_json
@pass_frame
def why(frame: Frame, id_: int, as_json: bool) -> None:
    """Say why workload ID is where it is: every rule that holds, and what would change it."""
    with opened(frame) as site:
        answer = site.why(id_)
    if as_json:
        emit_json(answer)
        return
    tell(f"Workload {id_} is {answer['state']}.")
    for reason in answer["reasons"]:
        if reason["words"] == answer["state"]:
            continue
        numbers = f" [needs {reason['need']:,}, has {reason['have']:,}]" if "need" in reason else ""
        tell(f"  {reason['rule']}: {reason['words']}{numbers}")
        if reason["change"]:
            tell(f"    what would change it: {reason['change']}")
    for line in answer.get("preemption", ()):
        tell(f"  {line}")
    if "class" in answer:
        tell(f"Of class {answer['class']}: {answer['promise']}.")
    if "decided_by" in answer:
        tell(f"By {answer['decided_by']}; {answer['controller']}.")


@click.command()
@work_id
@as_json
@pass_frame
def eta(frame: Frame, id_: int, as_json: bool) -> None:
    """Say when workload ID starts: its promise, or an estimate and what that rests on."""
    with opened(frame) as site:
        answer = site.eta(id_)
        now = site.journal.now()
    if as_json:
        emit_json(answer)
        return
    ahead = answer["start"] - now if answer["start"] and answer["kind"] in ("promise", "estimate", "bound") else 0
    tell(f"Workload {id_}: {answer['words']}" + (f" (in {duration_words(ahead)})" if ahead > 0 else "") + ".")
    tell(f"Basis: {answer['basis']}.")
    if answer["kind"] == "estimate" and answer["controller"].startswith("no "):
        tell(f"But {answer['controller']}.")
