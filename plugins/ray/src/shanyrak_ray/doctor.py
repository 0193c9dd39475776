"""What a Ray cluster has and lacks for this site, in words, with the fix."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shanyrak.api import EngineProblem

from shanyrak_ray import program
from shanyrak_ray.cluster import LITTLE, Host, hosts
from shanyrak_ray.engine import OVER
from shanyrak_ray.http import Dashboard, last_line
from shanyrak_ray.node.files import Home
from shanyrak_ray.settings import Settings
from shanyrak_ray.vault import Vault

OLDEST = (2, 40)
PROBE_S = 60.0
"""Seconds that a node may take to say what it sees."""
SLOW_S = 2.0
"""Seconds that an answer of Ray takes when something is wrong with it."""
SKEW_MS = 5_000
"""By how much the clock of a node may differ: times of work are those of its node."""
ROOM = 1 << 30
"""Bytes that ought to be free in the spool."""


class Finding(NamedTuple):
    """`level` is ok, warn or bad (must be repaired first)."""

    level: str
    subject: str
    words: str
    fix: str = ""


def examine(settings: Settings, engines: Path) -> list[Finding]:
    """Every finding; `engines` is where the site's engines have their folders. Never raises for what it examines."""
    found: list[Finding] = []
    try:
        ray = Dashboard(settings)
        try:
            for one in _look(settings, engines, ray):
                found.append(one)
        finally:
            ray.close()
    except EngineProblem as problem:
        found.append(Finding("bad", problem.what, problem.why, problem.fix))
    return found


def _look(settings: Settings, engines: Path, ray: Dashboard) -> Iterator[Finding]:
    begun = time.monotonic()
    version = ray.version()
    took = time.monotonic() - begun
    if took > SLOW_S:
        yield Finding("warn", "answer", f"Ray took {took:.1f} s to tell its version", "is its head overloaded?")
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    old = numbers < OLDEST
    yield Finding("bad" if old else "ok", "version", f"Ray {version}", "use 2.40 or later" if old else "")
    yield _door(settings, ray)
    found = hosts(ray.nodes())
    if not found:
        yield Finding("bad", "nodes", "Ray has none that lives", "ray start on each of them")
    for tag, count in Counter(host.tag for host in found if host.tag).items():
        if count > 1:
            yield Finding(
                "bad", f"node {tag}", f"{count} nodes of Ray bear that name", "give each its own in --resources"
            )
    others = [
        id_ for id_, job in ray.jobs().items() if job["status"] not in OVER and not _is_ours(job, settings, engines)
    ]
    if others:
        words = f"{len(others)} that this site did not submit run or wait on the cluster, {others[0]} for one"
        yield Finding("warn", "jobs", words, "let nobody else use it: the site counts its units as free")
    yield from _spool(settings, engines, ray, found)


def _door(settings: Settings, ray: Dashboard) -> Finding:
    if not ray.is_open():
        return Finding("ok", "door", "Ray lets nobody in without its token")
    fix = "start Ray with RAY_AUTH_MODE=token" + ("" if settings.token_file else ", and name a token_file")
    return Finding("warn", "door", "whoever reaches the dashboard can run anything as Ray's user, without a token", fix)


def _is_ours(job: Mapping[str, Any], settings: Settings, engines: Path) -> bool:
    spool = (job.get("metadata") or {}).get("shanyrak", "")
    return spool == settings.spool if settings.spool else Path(spool).parent == engines.absolute()


def _spool(settings: Settings, engines: Path, ray: Dashboard, found: list[Host]) -> Iterator[Finding]:
    """Whether each node has the Python and can work with the spool: asked by a job on each of them."""
    spool = Path(settings.spool) if settings.spool else engines.absolute() / "doctor"
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        code = program.place(spool)
    except OSError as problem:
        yield Finding(
            "bad",
            f"spool {spool}",
            f"it cannot be written here: {problem.strerror}",
            "make it, as the controller's user",
        )
        return
    if mode := spool.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "everybody" if mode & stat.S_IWOTH else "its group"
        may = f"{who} may write there, and so run anything as Ray's user"
        yield Finding("bad" if mode & stat.S_IWOTH else "warn", f"spool {spool}", may, f"chmod go-w {spool}")
    vault = Vault(ray.host, ray.port)
    homes: dict[str, tuple[Host, Home]] = {}
    asked_ms = _now()
    try:
        for host in found:
            yield Finding("ok", f"node {host.place}", f"{host.gpus} GPUs, {host.cpus} CPUs, {host.memory >> 30} GiB")
            home = Home(str(spool), f"doctor-{os.urandom(6).hex()}")
            home.make()
            home.write("ask.json", vault.put(home.token, {"doctor": "asks"}))
            words = [settings.python, "-I", "-S", str(code), "--probe", str(spool), home.token]
            job = {
                "submission_id": home.token,
                "entrypoint": f"exec {shlex.join(words)}",
                "entrypoint_resources": {host.place: LITTLE},
                "metadata": {"shanyrak": str(spool)},
            }
            status, text = ray.submit(job)
            homes[home.token] = host, home
            if status != 200:
                yield Finding("bad", f"node {host.place}", f"Ray took no job for it: {last_line(text)}")
                _forget(homes.pop(home.token)[1])
        until = time.monotonic() + PROBE_S
        while homes and time.monotonic() < until:
            for id_, (host, home) in list(homes.items()):
                said = ray.job(id_) or {"status": "FAILED", "message": "Ray has forgotten it"}
                if said["status"] in OVER:
                    yield from _seen(settings, host, home, last_line(said.get("message") or ""), asked_ms)
                    ray.delete(id_)
                    _forget(homes.pop(id_)[1])
            time.sleep(0.2)
        for host, _ in homes.values():
            yield Finding(
                "warn", f"spool on {host.place}", f"the node did not say in {PROBE_S:g} s", "is Ray busy there?"
            )
    except OSError as problem:
        yield Finding("bad", f"spool {spool}", str(problem.strerror or problem))
    finally:
        vault.close()
        for _, home in homes.values():
            _forget(home)
        if not settings.spool:
            shutil.rmtree(spool, ignore_errors=True)


def _seen(settings: Settings, host: Host, home: Home, last: str, asked_ms: int) -> Iterator[Finding]:
    """What a node said of itself."""
    facts = home.read("probe.json")
    if facts is None:
        if settings.spool:
            fix = f"mount {home.spool} there for the user of Ray"
        else:
            fix = "name a folder that all nodes see as spool in [plugins.ray]"
        fix += f", and see that `{settings.python}` is a Python from 3.9 on"
        yield Finding("bad", f"spool on {host.place}", f"the node cannot work with {home.spool}: {last}", fix)
        return
    python = ".".join(map(str, facts["python"]))
    subject, faults = f"spool on {host.place}", 0
    if facts["python"] < [3, 9]:
        yield Finding(
            "bad", f"python on {host.place}", f"it is {python}", "name a Python from 3.9 on as python in [plugins.ray]"
        )
    for what, words in (("links", "it has no hard links"), ("locks", "it has no locks (flock)")):
        if facts[what]:
            faults += 1
            yield Finding(
                "bad", subject, f"{words}: {facts[what]}", "take a folder of another file system, or mount it with them"
            )
    if facts["free"] < ROOM:
        faults += 1
        yield Finding("warn", subject, f"{facts['free'] >> 20} MiB are free there", "make room")
    if not faults:
        yield Finding(
            "ok", subject, f"it is seen there, may be written, and has {facts['free'] >> 30} GiB free; Python {python}"
        )
    if facts["secrets"]:
        fix = "let nodes connect to free ports of the controller's machine"
        yield Finding(
            "warn", f"secrets on {host.place}", f"it cannot ask this machine for them: {facts['secrets']}", fix
        )
    skew = max(asked_ms - facts["at"], facts["at"] - _now())
    if skew > SKEW_MS:
        yield Finding(
            "warn", f"clock of {host.place}", f"it is {skew / 1000:.0f} s off this machine's", "run NTP on both"
        )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _forget(home: Home) -> None:
    shutil.rmtree(home.path, ignore_errors=True)
