"""The three ways in which a hook of one plugin is called, and what its failure means in each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from shanyrak.plugins.guard import Broken, guarded, one_line
from shanyrak.plugins.record_check import fault

if TYPE_CHECKING:
    from shanyrak.exchange import Refusal

MOST_RECORDS = 1000
"""What one plugin may give for one hook; more is taken for a loop without an end."""


def collect(hook: str, call: Callable[[], Any], kind: type) -> list[Any]:
    """The records that one plugin gives, each checked to be a `kind`. Raises Broken."""
    with guarded(f"`{hook}` failed"):
        answer = call()
        if isinstance(answer, (str, bytes, Mapping)) or not hasattr(answer, "__iter__"):
            if isinstance(answer, Coroutine):
                answer.close()
            raise Broken(f"`{hook}` gave a {type(answer).__name__}, not a list of {kind.__name__} records")
        records = list(islice(answer, MOST_RECORDS + 1))
    if len(records) > MOST_RECORDS:
        raise Broken(f"`{hook}` gave more than {MOST_RECORDS} records")
    for record in records:
        wrong = fault(record, kind)
        if wrong:
            raise Broken(f"`{hook}` gave a bad record: {wrong}")
    return records


def decide(hook: str, call: Callable[[], Any], plugin: str) -> Refusal | None:
    """The judgement of one plugin; one that cannot judge refuses, under the rule `plugin.NAME`."""
    from shanyrak.exchange import Refusal

    try:
        with guarded("it failed"):
            answer = call()
        if answer is None:
            return None
        wrong = fault(answer, Refusal)
        if not wrong:
            return answer  # type: ignore[no-any-return]
        cause = f"it answered wrongly: {wrong}"
    except Broken as broken:
        cause = str(broken)
    return Refusal(
        rule=f"plugin.{plugin}",
        words=f"the plugin {plugin} could not judge this request ({cause})",
        inputs={"plugin": plugin, "hook": hook, "cause": cause},
        nearest=f"the same request once the plugin {plugin} is repaired or disabled",
    )


def observe(call: Callable[[], Any]) -> str:
    """Let one plugin see something; what went wrong in one line, empty when nothing did."""
    try:
        with guarded("it failed"):
            call()
    except Broken as broken:
        return str(broken) if broken.__cause__ is None else one_line(broken.__cause__)
    return ""
