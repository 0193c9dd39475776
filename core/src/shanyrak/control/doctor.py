"""What a person should know before `up`: each thing this site needs, with what to do where it lacks."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shanyrak.control.decider import find_policy
from shanyrak.errors import Problem
from shanyrak.model.quantities import duration_words

if TYPE_CHECKING:
    from shanyrak.control.site import Site
    from shanyrak.plugins.manager import PluginManager

LOW_DISK = 1 << 30
SILENT_MS = 300_000
"""How long an engine may not know of an attempt before that is a matter for a person."""


class Finding(NamedTuple):
    """`level` is ok, warn or bad (must be repaired first)."""

    level: str
    subject: str
    words: str
    fix: str = ""


def examine(folder: Path, manager: PluginManager) -> list[Finding]:
    """Every finding. Never raises for what it examines."""
    from shanyrak.control.site import Site

    findings = [*_plugins(manager)]
    try:
        site = Site.open(folder, manager)
    except Problem as problem:
        return [*findings, Finding("bad", problem.what, problem.why, problem.fix)]
    try:
        for look in (_folder, _journal, _sectors, _policy, _engines, _attempts, _controller, _disk):
            findings += _safely(look, site)
    finally:
        site.close()
    return findings


def _safely(look: Callable[[Site], Iterator[Finding]], site: Site) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in look(site):
            found.append(finding)
    except Problem as problem:
        found.append(Finding("bad", problem.what, problem.why, problem.fix))
    except Exception as error:  # a file may go away, a table may be damaged
        found.append(Finding("bad", look.__name__.strip("_"), f"it cannot be examined: {error!r}"))
    return found


def _plugins(manager: PluginManager) -> Iterator[Finding]:
    for plugin in manager.states():
        broken = plugin.state in ("failed", "incompatible")
        if plugin.state == "active" and (wrong := _settings_fault(manager, plugin.name)):
            yield Finding("bad", wrong.what, wrong.why, wrong.fix)
            continue
        yield Finding(
            "warn" if broken else "ok",
            f"plugin {plugin.name}",
            plugin.state + (f": {plugin.reason}" if plugin.reason else ""),
            f"shanyrak plugin check {plugin.name}" if broken else "",
        )


def _settings_fault(manager: PluginManager, name: str) -> Problem | None:
    try:
        manager.settings(name)
    except Problem as problem:
        return problem
    return None


def _folder(site: Site) -> Iterator[Finding]:
    mode = stat.S_IMODE(site.folder.stat().st_mode)
    if mode & 0o077:
        yield Finding("warn", "the workspace", f"others may enter it ({mode:o})", f"chmod 700 {site.folder}")
    else:
        yield Finding("ok", "the workspace", "only its owner may enter it")
    if site.secrets.is_dir():
        for secret in sorted(site.secrets.iterdir()):
            if secret.lstat().st_mode & 0o077:
                yield Finding("warn", f"secret {secret.name}", "others may read it", f"chmod 600 {secret}")


def _journal(site: Site) -> Iterator[Finding]:
    wrong = site.journal.store.damage()
    if wrong:
        yield Finding("bad", "the journal", wrong[0], "restore a backup with `shanyrak restore`")
    with site.journal.read() as rows:
        made_for = rows.one("SELECT value FROM setting WHERE name = 'site'")
    if made_for and made_for[0] != site.commons.site.name:
        words = f"it was made for the site {made_for[0]!r}, and this one is {site.commons.site.name!r}"
        yield Finding("warn", "the journal", words, "correct [accounts] store, unless the site was renamed")
    with site.journal.store.write():  # a Problem where it cannot: a full disk, a server that only reads
        pass
    found = site.account()
    if found["balanced"]:
        yield Finding(
            "ok", "the journal", "the store is sound and the account balances (`shanyrak verify` proves more)"
        )
    else:
        yield Finding("bad", "the account", found["faults"][0], "see `shanyrak account check`")


def _sectors(site: Site) -> Iterator[Finding]:
    with site.journal.read() as rows:
        known = rows.all("SELECT sector, COUNT(*) FROM project GROUP BY sector ORDER BY sector")
    for sector, projects in known:
        if sector not in site.commons.sectors:
            words = f"{projects} project(s) are in it, and commons.toml does not have it; its weight and cap stay as they were"
            yield Finding("warn", f"sector {sector}", words, f"add [sectors.{sector}] again")


def _policy(site: Site) -> Iterator[Finding]:
    record, _ = find_policy(site.manager, site.active_policy())
    yield Finding("ok", "the policy", f"{record.name} {record.version}" if record else "the core's kernel")
    if trouble := site.policy_trouble():
        yield Finding("warn", "the policy", trouble, "see `shanyrak events`")


def _engines(site: Site) -> Iterator[Finding]:
    with site.journal.read() as rows:
        pools = rows.all("SELECT id, name, engine FROM pool WHERE present = 1 ORDER BY id")
    for pool, name, engine in pools:
        try:
            made = site.engine(pool)
            try:
                nodes = list(made.nodes())
            finally:
                made.close()
        except Problem as problem:
            yield Finding("bad", f"pool {name}: {problem.what}", problem.why, problem.fix)
            continue
        except (Exception, SystemExit) as error:  # an engine is a plugin
            yield Finding("bad", f"pool {name}", f"engine {engine} raised {error!r}", "see `shanyrak plugin check`")
            continue
        down = [node for node in nodes if not node.up]
        if down:
            yield Finding("warn", f"pool {name}", f"{len(down)} of {len(nodes)} nodes are down: {down[0].reason}")
        else:
            yield Finding("ok", f"pool {name}", f"engine {engine}: {len(nodes)} node(s) up")


def _attempts(site: Site) -> Iterator[Finding]:
    """Those of which their engines know nothing: no rule ends them, so that nothing runs twice, and a person may have to look."""
    now = site.journal.now()
    with site.journal.read() as rows:
        known = rows.all(
            "SELECT p.name, COUNT(*), MIN(a.unknown_since), MIN(w.id) FROM attempt a JOIN workload w ON w.id = a.workload"
            " JOIN pool p ON p.id = w.pool WHERE a.open = 1 AND a.unknown_since > 0 AND a.unknown_since <= ?"
            " GROUP BY p.name ORDER BY p.name",
            (now - SILENT_MS,),
        )
    for pool, count, since, first in known:
        words = f"of {count} attempt(s), of workload {first} first, its engine has not been able to tell for"
        words += f" {duration_words(now - since)} what became"
        yield Finding("warn", f"pool {pool}: what runs", words, "see that the nodes they ran on are up and answer")


def _controller(site: Site) -> Iterator[Finding]:
    from shanyrak.control.why import controller_words

    yield Finding("ok", "the controller", controller_words(site))


def _disk(site: Site) -> Iterator[Finding]:
    free = shutil.disk_usage(site.folder).free
    if free < LOW_DISK:
        yield Finding("warn", "the disk", f"{free >> 20} MiB are free", "make room: a full disk stops all submissions")
    else:
        yield Finding("ok", "the disk", f"{free >> 30} GiB are free")
