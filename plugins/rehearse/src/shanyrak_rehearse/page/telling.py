"""What the page says in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from shanyrak_rehearse.words import many, percent, signed, span

Entry = Mapping[str, Any]


def lead(document: Mapping[str, Any]) -> str:
    """The answer first: who waits how long, and what that is against the first policy."""
    first, *others = document["policies"]
    mean = span(first["wait"]["mean_s"])
    if not others:
        half = span(first["wait"]["median_s"])
        return f"Under <b>{escape(first['name'])}</b> work waits <b>{mean}</b> on average; half of it {half} or less."
    best = min(others, key=lambda one: one["wait"]["mean_s"])
    was, now = first["wait"]["mean_s"], best["wait"]["mean_s"]
    change = f"{abs(1 - now / was):.0%} {'less' if now < was else 'more'}" if was else "more"
    of = best["against"]
    kind = next((name for name in ("account", "sector", "class", "size") if name in of["by"]), "size")
    those = of["by"][kind]
    words = {"class": "classes"}.get(kind, f"{kind}s")
    kept = best["promises"]
    promise = ""
    if kept["given"]:
        promise = f" It gave {many(kept['given'], 'promise')} of a start and broke {kept['broken'] or 'none'}."
    return (
        f"Under <b>{escape(best['name'])}</b> work waits <b>{span(now)}</b> on average, under {escape(first['name'])} {mean}:"
        f" {change}. {those['gain']:,} {words} gain by it and {those['lose']:,} lose.{promise}"
    )


def warnings(document: Mapping[str, Any]) -> str:
    """What a reader must not miss: work that was not run."""
    lines = []
    large = document["trace"]["too_large"]
    if large["jobs"]:
        named = ", ".join(large["list"][:12]) + (", …" if large["jobs"] > 12 else "")
        lines.append(f"{many(large['jobs'], 'job')} asked for more than the machine has, not run: {escape(named)}.")
    lines += [
        f"Under {escape(one['name'])} {many(one['never_started'], 'job')} never started."
        for one in document["policies"] if one["never_started"]
    ]  # fmt: skip
    return "".join(f'<p class="warn">{line}</p>' for line in lines)


def key(policies: Sequence[Entry]) -> str:
    """Which colour is which policy."""
    items = "".join(f'<li class="p{i}"><i></i>{escape(one["name"])}</li>' for i, one in enumerate(policies))
    return f'<ul class="key">{items}</ul>'


def tiles(policies: Sequence[Entry]) -> str:
    """A card for each policy."""
    cards = []
    for number, one in enumerate(policies):
        wait = one["wait"]
        rows = (
            ("half wait at most", span(wait["median_s"])), ("95 of 100 at most", span(wait["p95_s"])),
            ("longest wait", span(wait["max_s"])), ("machine in use", percent(one["utilisation"])),
        )  # fmt: skip
        lines = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
        cards.append(
            f'<div class="tile p{number}"><div class="name">{escape(one["name"])} <small>{escape(one["version"])}</small></div>'
            f'<div class="big">{span(wait["mean_s"])}</div><div class="what">mean wait</div><dl>{lines}</dl></div>'
        )
    return f'<div class="tiles">{"".join(cards)}</div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], past: int = -1) -> str:
    """Cells are text; the first column is to the left, the others to the right. Row `past` is set apart."""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(
        f"<tr{' class=past' if i == past else ''}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for i, row in enumerate(rows)
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def figures(document: Mapping[str, Any]) -> str:
    """All policies side by side, and below them what the trace recorded."""
    rows = [
        [f"{one['name']} {one['version']}", f"{one['jobs']:,}", *_waits(one), percent(one["utilisation"]),
         percent(one["utilisation_until_last_submission"])]
        for one in document["policies"]
    ]  # fmt: skip
    past = document.get("recorded")
    if past:
        rows.append(["as recorded", f"{past['jobs']:,}", *_waits(past), "", ""])
    heads = [
        "policy",
        "jobs",
        "mean wait",
        "median",
        "p95",
        "longest",
        "slowdown",
        "use",
        "use until the last submission",
    ]
    note = f'<p class="note">{escape(past["caveat"])}</p>' if past else ""
    return table(heads, rows, len(rows) - 1 if past else -1) + note


def _waits(entry: Entry) -> list[str]:
    wait = entry["wait"]
    return [
        *(span(wait[key]) for key in ("mean_s", "median_s", "p95_s", "max_s")),
        f"{entry['bounded_slowdown']['mean']:,.1f}",
    ]


def promises(policies: Sequence[Entry]) -> str:
    """Given, kept, broken and why; nothing when none was given."""
    if not any(one["promises"]["given"] for one in policies):
        return ""
    rows = []
    for one in policies:
        those = one["promises"]
        early = those.get("early", {})
        causes = ", ".join(f"{cause}: {count:,}" for cause, count in those["causes"].items())
        rows.append([
            one["name"], f"{those['given']:,}", f"{those['kept']:,}", f"{those['broken']:,}", causes or "-",
            span(early["median_s"]) if early else "-",
            span(those["without"]["wait"]["mean_s"]) if "without" in those else "-",
        ])  # fmt: skip
    heads = ["policy", "given", "kept", "broken", "why broken", "half start earlier by", "mean wait without promises"]
    note = "A promise is the latest start that work was told. It may start sooner, and later only with a cause."
    return f'<section><h2>Promises</h2><p class="note">{note}</p>{table(heads, rows)}</section>'


def losses(policies: Sequence[Entry]) -> str:
    """Work that was stopped for other work, and who paid; nothing when none was."""
    parts = []
    for one in policies:
        stops = one["preemptions"]
        if not stops["stops"]:
            continue
        reclaim = stops["reclaim"]
        head = (
            f"{many(stops['stops'], 'stop')} lost {stops['unit_hours_lost']:,.1f} unit-hours. The work they made room for started"
            f" {span(reclaim['mean_s'])} after its submission on average, {span(reclaim['max_s'])} at most."
        )
        parts.append(f"<h3>{escape(one['name'])}</h3><p>{head}</p>")
        kind = "sector" if "paid_by_sector" in stops else "account"
        paid = stops.get(f"paid_by_{kind}", [])
        gained = {row["name"]: row for row in stops.get(f"paid_for_{kind}", [])}
        names = list(dict.fromkeys([*(row["name"] for row in paid), *gained]))[:12]
        by = {row["name"]: row for row in paid}
        none = {"stops": 0, "unit_hours": 0.0}
        rows = [
            [name, f"{by.get(name, none)['stops']:,}", f"{by.get(name, none)['unit_hours']:,.1f}",
             f"{gained.get(name, none)['stops']:,}", f"{gained.get(name, none)['unit_hours']:,.1f}"]
            for name in names
        ]  # fmt: skip
        parts.append(
            table([kind, "was stopped", "unit-hours it lost", "was made room for", "unit-hours others lost"], rows)
        )
    if not parts:
        return ""
    note = "Work that is stopped before its end begins again; what it had done until then is lost."
    return f'<section><h2>Who was stopped for whom</h2><p class="note">{note}</p>{"".join(parts)}</section>'


def coming(document: Mapping[str, Any]) -> str:
    """What happens from now on, when the report has it."""
    live = document.get("live")
    if not live:
        return ""
    rows = [
        [one["name"], f"{one['at_once']:,}", f"{one['started']:,}", f"{one['never_started']:,}", span(one["wait"]["mean_s"]),
         span(one["wait"]["max_s"]), f"{len(one['promises']['late']):,} of {one['promises']['held']:,}", f"{one['stops']:,}"]
        for one in live["policies"]
    ]  # fmt: skip
    heads = ["policy", "start at once", "start", "do not", "mean wait from now", "longest", "promises late", "stops"]
    parts = [table(heads, rows)]
    for one in live["policies"][1:]:
        changed = [row for row in one["against"]["projects"] if row["sooner"] or row["later"]]
        if changed:
            lines = [
                [row["project"], f"{row['sooner']:,}", f"{row['later']:,}", signed(row["hours"])]
                for row in changed[:12]
            ]
            parts.append(f"<h3>{escape(one['name'])} against {escape(one['against']['name'])}</h3>")
            parts.append(table(["project", "works start sooner", "later", "hours in all"], lines))
    note = f"{live['running']:,} run now and {live['waiting']:,} wait. If {live['words']}."
    return f'<section><h2>From now on</h2><p class="note">{escape(note)}</p>{"".join(parts)}</section>'


def how(document: Mapping[str, Any]) -> str:
    """What the rehearsal takes for granted, and what identifies it."""
    trace, semantics = document["trace"], document["semantics"]
    dropped = ", ".join(f"{count:,} {why}" for why, count in trace["dropped_why"].items()) or "none"
    rows = [
        ("trace", ", ".join(one["name"] for one in trace["files"])),
        ("sha256 of the trace", trace["sha256"]),
        ("rows left out", f"{trace['dropped']:,} of {trace['rows']:,} ({dropped})" if trace["dropped"] else "none"),
        ("load", f"{trace['load']:.3f} of the machine from the first submission to the last"),
        *((name, "{rule}: {words}".format(**semantics[name])) for name in ("clean", "estimates", "events", "promises")),
        ("machine", f"{semantics['machine']['words']}; {semantics['machine']['shape']}"),
        *((name.removesuffix("_s"), words) for name, words in semantics["definitions"].items() if name != "schedule_sha256"),
        ("parameters", ", ".join(f"{name} = {value}" for name, value in semantics["params"].items())),
        ("chance", "nothing here is random: no seed"),
        *((f"schedule of {one['name']}", one["schedule_sha256"]) for one in document["policies"]),
    ]  # fmt: skip
    lines = "".join(f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(str(words))}</dd>" for name, words in rows)
    return (
        f'<section><details open><summary>How this was done</summary><dl class="how">{lines}</dl></details></section>'
    )
