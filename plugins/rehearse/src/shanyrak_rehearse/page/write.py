"""The page as a whole: what it says in words, and in which order the plots come.

The plots are drawn by the small code beside this file and not by a plotting library: a page that follows light and dark,
that needs no network and that weighs some tens of kilobytes is what none of the light ones give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from shanyrak.api import UsageProblem

from shanyrak_rehearse.outcome import kinds
from shanyrak_rehearse.page.gainers import gainers
from shanyrak_rehearse.page.over_time import over_time
from shanyrak_rehearse.page.strips import strips
from shanyrak_rehearse.page.telling import coming, figures, how, key, lead, losses, promises, tiles, warnings
from shanyrak_rehearse.play import Played
from shanyrak_rehearse.work import Work

_MOST = 12

_RING = (
    '<svg viewBox="0 0 60 60" aria-hidden="true"><g fill="none" stroke="var(--sun)" stroke-width="4">'
    '<circle cx="30" cy="30" r="25"/></g><g fill="none" stroke="var(--sun)" stroke-width="2.4">'
    '<path d="M18 8.5Q27 30 18 51.5M30 5V55M42 8.5Q33 30 42 51.5M8.5 18Q30 27 51.5 18M5 30H55M8.5 42Q30 33 51.5 42"/>'
    "</g></svg>"
)


def write_page(file: Path, document: Mapping[str, Any], work: Work, played: Sequence[Played]) -> None:
    """Write the page. Raises UsageProblem when it cannot be written."""
    try:
        file.write_text(page(document, work, played), encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"--html {file}", f"it cannot be written ({error.strerror or error})") from None


def page(document: Mapping[str, Any], work: Work, played: Sequence[Played]) -> str:
    """The page as text. The same rehearsal gives the same bytes, unless its report has the speed in it."""
    policies = document["policies"]
    style = files("shanyrak_rehearse.page").joinpath("style.css").read_text("utf-8")
    names = " and ".join(filter(None, (", ".join(one["name"] for one in policies[:-1]), policies[-1]["name"])))
    trace = document["trace"]
    parts = [
        f'<header>{_RING}<div><h1>Rehearsal of {escape(names)}</h1><div class="sub">{escape(_what(trace, document))}</div>'
        "</div></header>",
        f'<p class="lead">{lead(document)}</p>',
        warnings(document),
        tiles(policies),
        _section(
            "Use and queue over time",
            "Each line is one policy on the same work. Where the queue is high, people wait.",
            key(policies) + over_time(work, played),
        ),
        *_waits(document, work, played),
        *_gains(policies),
        promises(policies),
        losses(policies),
        coming(document),
        _section("All figures", "", figures(document)),
        how(document),
        "<footer>Made by <code>shanyrak rehearse</code> with the code that decides on the live machine.</footer>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Rehearsal of {escape(names)}</title>\n<style>\n{style}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def _what(trace: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    from shanyrak_rehearse.words import span

    where = trace.get("installation") or trace.get("computer") or ", ".join(one["name"] for one in trace["files"])
    machine = document["semantics"]["machine"]["words"]
    return f"{trace['jobs']:,} jobs of {span(trace['span_s'])}, {where}, on {machine}"


def _section(heading: str, words: str, content: str) -> str:
    note = f'<p class="note">{words}</p>' if words else ""
    return f"<section><h2>{heading}</h2>{note}{content}</section>"


def _waits(document: Mapping[str, Any], work: Work, played: Sequence[Played]) -> list[str]:
    """Waits by sector (by class or by account where there is none), and by size."""
    out, known = [], kinds(work)
    first = next((name for name in ("sector", "class", "account") if name in known), "")
    for kind in filter(None, (first, "size")):
        index, names = known[kind]
        use = np.bincount(index + 1, work.width * work.units * work.of(work.past.run)) if kind != "size" else None
        there = np.unique(index)
        if use is not None and len(there) > _MOST:
            there = np.sort(there[np.argsort(-use[there + 1], kind="stable")[:_MOST]])
        chosen = there.tolist()
        if use is not None:
            chosen = sorted(chosen, key=lambda number, use=use: (-use[number + 1], number))  # type: ignore[misc]
        every = len(np.unique(index))
        some = f" The {len(chosen)} that used the most of {every:,}." if len(chosen) < every else ""
        heading = {"size": "Waits by size of the work, in units"}.get(kind, f"Waits by {kind}")
        note = (
            "The dot is the middle: half of the work waits less. The thick bar holds the middle half of it, the thin one 90 of 100."
            f" The numbers beside the names count jobs.{some}"
        )
        out.append(_section(heading, note, key(document["policies"]) + strips(work, played, index, names, chosen)))
    return out


def _gains(policies: Sequence[Mapping[str, Any]]) -> list[str]:
    out = []
    for one in policies[1:]:
        of = one["against"]
        kind = next((name for name in ("account", "sector", "class", "size") if name in of["by"]), "size")
        those = of["by"][kind]
        word = {"class": "classes"}.get(kind, f"{kind}s")
        note = (
            f"{of['jobs_sooner']:,} jobs start sooner than under {escape(of['name'])}, {of['jobs_later']:,} later."
            f" {those['gain']:,} {word} wait less in all, {those['lose']:,} more; the ten that gain and lose most:"
        )
        out.append(_section(f"Who gains and who loses by {escape(one['name'])}", note, gainers(one, kind)))
    return out
