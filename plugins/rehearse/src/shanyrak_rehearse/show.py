"""The report in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shanyrak.api import table, tell

from shanyrak_rehearse.words import brief, many, percent, signed, span

_MOST_GROUPS = 12
_WAITS = {"mean_s": "MEAN", "median_s": "MEDIAN", "p95_s": "P95", "max_s": "LONGEST"}


def show(document: Mapping[str, Any]) -> None:
    """Print it: what was rehearsed, the policies side by side, who gains and who loses, what comes next."""
    if document["policies"]:
        _past(document)
    else:
        tell("No work has ended here yet.")
    if "live" in document:
        tell("")
        _live(document["live"])


def _past(document: Mapping[str, Any]) -> None:
    trace, policies = document["trace"], document["policies"]
    _head(trace, document["semantics"])
    rows = [_row(one) for one in policies]
    if "recorded" in document:
        rows.append({"name": "recorded", **_figures(document["recorded"])})
    heads = {"name": "POLICY", **_WAITS, "slowdown": "SLOWDOWN", "use": "USE"}
    if any("jobs_per_second" in one for one in policies):
        heads["speed"] = "JOBS/S"
    table(rows, heads)
    tell(
        "Slowdown: mean of max(1, (wait + run) / max(run, 10 s))."
        " Use: of all units from the first submission to the last end."
    )
    if "recorded" in document:
        tell(document["recorded"]["caveat"])
    _promises(policies)
    _groups(policies)
    for one in policies[1:]:
        _against(one)


def _live(live: Mapping[str, Any]) -> None:
    """What comes if a policy decides from now on."""
    tell(
        f"From now on: {live['running']:,} run, {live['waiting']:,} wait, {live['promised']:,} of these hold a promise."
    )
    tell(f"If {live['words']}:")
    rows = [
        {
            "name": one["name"], "at_once": f"{one['at_once']:,}", "started": f"{one['started']:,}",
            "never": f"{one['never_started']:,}", "mean": brief(one["wait"]["mean_s"]), "max": brief(one["wait"]["max_s"]),
            "late": f"{len(one['promises']['late']):,}", "stops": f"{one['stops']:,}",
        }
        for one in live["policies"]
    ]  # fmt: skip
    table(rows, {
        "name": "POLICY", "at_once": "START AT ONCE", "started": "START", "never": "DO NOT", "mean": "MEAN WAIT",
        "max": "LONGEST", "late": "PROMISES LATE", "stops": "STOPS",
    })  # fmt: skip
    for one in live["policies"][1:]:
        changed = [row for row in one["against"]["projects"] if row["sooner"] or row["later"]]
        tell("")
        tell(f"{one['name']} against {one['against']['name']}:")
        table(
            [{**row, "hours": signed(row["hours"])} for row in [*changed[:5], *changed[5:][-5:]]],
            {"project": "PROJECT", "sooner": "START SOONER", "later": "START LATER", "hours": "HOURS IN ALL"},
            empty="No work starts at another time.",
        )


def _head(trace: Mapping[str, Any], semantics: Mapping[str, Any]) -> None:
    files = ", ".join(one["name"] for one in trace["files"])
    tell(
        f"{trace['jobs']:,} jobs of {files} over {span(trace['span_s'])} on {semantics['machine']['words']}:"
        f" load {trace['load']:.2f}."
    )
    if trace["dropped"]:
        why = ", ".join(f"{count:,} {reason}" for reason, count in trace["dropped_why"].items())
        tell(f"Left out: {trace['dropped']:,} of {trace['rows']:,} rows ({why}).")
    large = trace["too_large"]
    if large["jobs"]:
        more = ", ..." if large["jobs"] > 10 else ""
        tell(
            f"Too large for the machine, not run: {many(large['jobs'], 'job')} ({', '.join(large['list'][:10])}{more})."
        )
    rules = ", ".join(f"{name} {semantics[name]['rule']}" for name in ("clean", "estimates", "events", "promises"))
    tell(f"Rules: {rules}. Trace sha256 {trace['sha256'][:16]}.")
    tell("")


def _figures(entry: Mapping[str, Any]) -> dict[str, str]:
    return {key: brief(entry["wait"][key]) for key in _WAITS} | {
        "slowdown": f"{entry['bounded_slowdown']['mean']:,.1f}"
    }


def _row(entry: Mapping[str, Any]) -> dict[str, str]:
    row = {"name": f"{entry['name']} {entry['version']}", **_figures(entry), "use": percent(entry["utilisation"])}
    if "jobs_per_second" in entry:
        row["speed"] = f"{entry['jobs_per_second']:,.0f}"
    return row


def _promises(policies: list[Mapping[str, Any]]) -> None:
    rows = []
    for one in policies:
        promises, stops = one["promises"], one["preemptions"]
        if one["never_started"]:
            tell(f"{one['name']}: {many(one['never_started'], 'job')} never started.")
        if promises["given"] or stops["stops"]:
            paid = stops.get("paid_by_sector") or stops.get("paid_by_account") or []
            cost = _cost(one)
            rows.append({
                "name": one["name"], "cost": cost, "given": f"{promises['given']:,}", "kept": f"{promises['kept']:,}",
                "broken": f"{promises['broken']:,}", "stops": f"{stops['stops']:,}", "lost": f"{stops['unit_hours_lost']:,.1f}",
                "reclaim": span(stops["reclaim"]["mean_s"]) if "reclaim" in stops else "-",
                "paid": ", ".join(f"{row['name']} {row['unit_hours']:,.1f}" for row in paid[:3]),
            })  # fmt: skip
    if rows:
        tell("")
        table(rows, {
            "name": "POLICY", "given": "PROMISES", "kept": "KEPT", "broken": "BROKEN", "cost": "THEIR COST", "stops": "STOPS",
            "lost": "UNIT-HOURS LOST", "reclaim": "RECLAIM", "paid": "WHO PAID",
        })  # fmt: skip


def _cost(entry: Mapping[str, Any]) -> str:
    """What promises change of the mean wait."""
    without = entry["promises"].get("without")
    if without is None or not without["wait"]["mean_s"]:
        return ""
    return f"{100 * (entry['wait']['mean_s'] / without['wait']['mean_s'] - 1):+.1f} % wait"


def _groups(policies: list[Mapping[str, Any]]) -> None:
    """Mean waits by sector, else by class, and by size: a column for each policy."""
    by = policies[0]["by"]
    for kind in [next((name for name in ("sector", "class") if name in by), ""), "size"]:
        if not kind:
            continue
        means = [{row["name"]: row["wait"]["mean_s"] for row in one["by"][kind]} for one in policies]
        groups = sorted(by[kind], key=lambda row: -row["unit_hours"]) if kind != "size" else by[kind]
        rows = []
        for group in groups[:_MOST_GROUPS]:
            row = {"name": group["name"], "jobs": f"{group['jobs']:,}", "hours": f"{group['unit_hours']:,.0f}"}
            rows.append(row | {f"wait{i}": brief(mean.get(group["name"], 0)) for i, mean in enumerate(means)})
        tell("")
        heads = {"name": "UNITS" if kind == "size" else kind.upper(), "jobs": "JOBS", "hours": "UNIT-HOURS"}
        table(rows, heads | {f"wait{i}": f"WAIT {one['name']}" for i, one in enumerate(policies)})


def _against(entry: Mapping[str, Any]) -> None:
    gains = entry["against"]
    tell("")
    tell(
        f"{entry['name']} against {gains['name']}: {many(gains['jobs_sooner'], 'job')} start sooner,"
        f" {gains['jobs_later']:,} later (by a minute or more)."
    )
    kind = next((name for name in ("account", "sector", "class") if name in gains["by"]), "")
    if not kind:
        return
    of = gains["by"][kind]
    tell(f"By {kind}: {of['gain']} gain, {of['lose']} lose. The first of each, with the mean wait of their work:")
    rows = [row | {"who": "gains"} for row in of["winners"][:5]] + [row | {"who": "loses"} for row in of["losers"][:5]]
    table(
        [
            {
                "who": row["who"], "name": row["name"], "jobs": f"{row['jobs']:,}", "before": brief(row["mean_before_s"]),
                "after": brief(row["mean_after_s"]), "hours": signed(row["hours"]),
            }
            for row in rows
        ],
        {"who": "", "name": kind.upper(), "jobs": "JOBS", "before": f"WAIT {gains['name']}", "after": f"WAIT {entry['name']}",
         "hours": "HOURS IN ALL"},
        empty="None.",
    )  # fmt: skip
