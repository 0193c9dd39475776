"""Which policies there are, which one decides, and who made it decide: on what rehearsal, proposed by whom."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.control.admit import unknown
from shanyrak.control.decider import KERNEL_VERSION, find_policy
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.journal.events import parsed
from shanyrak.journal.store import Rows

if TYPE_CHECKING:
    from shanyrak.control.site import Site


def policies(site: Site) -> list[dict[str, Any]]:
    """Every policy there is, the core's kernel included: `active` marks one, `proposed` says by whom and when, or is null."""
    now = site.active_policy()
    with site.journal.read() as rows:
        waiting = proposal(rows)
    found = [("kernel", KERNEL_VERSION, "", "The core's own: EASY in order of submission.")] + [
        (name, offer.record.version, offer.plugin, offer.record.summary)
        for name, offer in sorted(site.manager.policies().items())
    ]
    return [
        {
            "name": name,
            "version": version,
            "plugin": plugin,
            "summary": summary,
            "active": name == now,
            "proposed": waiting if waiting and waiting["policy"] == name else None,
        }
        for name, version, plugin, summary in found
    ]


def show(site: Site, name: str = "") -> dict[str, Any]:
    """One policy (the active one by default) as in `policies`, with its activation, what it is told, and the classes."""
    name = name or site.active_policy()
    known = {row["name"]: row for row in policies(site)}
    if name not in known:
        raise unknown("policy", name, known, "see `shanyrak policy list`")
    with site.journal.read() as rows:
        row = rows.one(
            "SELECT time, actor, payload FROM event WHERE type = 'policy.activated' ORDER BY seq DESC LIMIT 1"
        )
    last = parsed(row[2]) if row else {}
    activated = None
    if row and last["settings"]["policy"] == name and known[name]["active"]:
        activated = {"at": row[0], "by": row[1]} | {
            key: last.get(key, "") for key in ("version", "proposed_by", "rehearsal")
        }
    classes = [
        {"class": name, "promise": kind.promise, "sectors": list(kind.sectors), "description": kind.description}
        for name, kind in site.commons.classes.items()
    ]
    return known[name] | {"activated": activated, "params": site.params(), "classes": classes}


def proposal(rows: Rows) -> dict[str, Any] | None:
    """What waits for a second person: `{"policy", "version", "rehearsal", "by", "at"}`."""
    found = rows.one("SELECT value FROM setting WHERE name = 'proposed'")
    return parsed(found[0]) if found else None


def activate(site: Site, name: str, report: Path | None = None) -> str:
    """Make a policy decide from the controller's next round on; gives `active`, or `proposed` when it takes a second person.

    `report`: a rehearsal that has this policy in it; its hash is recorded. The same command of a second operator makes a
    proposal active; the proposer's own is refused, and another command is a proposal in its place.
    """
    record, plugin = find_policy(site.manager, name)
    version = record.version if record else KERNEL_VERSION
    rehearsal = rehearsed(report, name, version) if report else ""
    fact = {"version": version, "plugin": plugin, "rehearsal": rehearsal}
    with site.journal.write(site.actor) as writer:
        by = ""
        if site.commons.policy.second_actor:
            before = proposal(writer.rows)
            same = {"policy": name, "version": version, "rehearsal": rehearsal}
            if before is None or any(before[key] != value for key, value in same.items()):
                writer.append("policy.proposed", name, {"policy": name, **fact})
                return "proposed"
            by = str(before["by"])
            if by == site.actor:
                raise RefusedProblem(
                    f"policy {name}",
                    "you have proposed it, and it takes a second person",
                    "let another operator say the same",
                )
        writer.append("policy.activated", name, {"settings": {"policy": name}, "proposed_by": by, **fact})
    return "active"


def rehearsed(report: Path, name: str, version: str) -> str:
    """sha256 of a rehearsal's report, or UsageProblem when it is none or has not this policy in it."""
    what = f"--rehearsal {report}"
    try:
        raw = report.read_bytes()
    except OSError as error:
        raise UsageProblem(
            what, f"it cannot be read ({error.strerror})", "name the file that --json was written to"
        ) from None
    try:
        data = json.loads(raw)
        ran = {str(one["name"]): one for one in data["policies"]}
        sound = isinstance(data["semantics"], dict) and isinstance(data["trace"]["sha256"], str)
    except (ValueError, TypeError, KeyError, RecursionError):
        sound = False
    if not sound:
        raise UsageProblem(what, "it is no report of a rehearsal", "make one with `shanyrak rehearse TRACE --json`")
    if name not in ran:
        raise UsageProblem(what, f"it has {', '.join(ran) or 'no policy'} in it, not {name}", "rehearse that policy")
    if ran[name].get("version", version) != version:
        words = f"it is of version {ran[name]['version']} of {name}, and version {version} is installed"
        raise UsageProblem(what, words, "rehearse it again")
    return hashlib.sha256(raw).hexdigest()
