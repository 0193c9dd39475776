"""What a Ray cluster has and lacks for this site, in words, with the fix."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shanyrak.api import EngineProblem

from shanyrak_ray.cluster import LITTLE, Host, hosts
from shanyrak_ray.http import Dashboard, last_line
from shanyrak_ray.settings import Settings

OLDEST = (2, 40)
PROBE_S = 60.0
"""Seconds that a node may take to say what it sees."""


class Finding(NamedTuple):
    """`level` is ok, warn or bad (must be repaired first)."""

    level: str
    subject: str
    words: str
    fix: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every finding. Never raises for what it examines."""
    found: list[Finding] = []
    try:
        ray = Dashboard(settings)
        try:
            for one in _look(settings, ray):
                found.append(one)
        finally:
            ray.close()
    except EngineProblem as problem:
        found.append(Finding("bad", problem.what, problem.why, problem.fix))
    return found


def _look(settings: Settings, ray: Dashboard) -> Iterator[Finding]:
    version = ray.version()["ray_version"]
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    old = numbers < OLDEST
    yield Finding("bad" if old else "ok", "version", f"Ray {version}", "use 2.40 or later" if old else "")
    if settings.token_file:
        yield Finding("ok", "door", "a token is sent; without one Ray lets nobody in, if it was started so")
    else:
        words = "whoever reaches the dashboard can run anything as Ray's user, and Ray asks for no token"
        yield Finding("warn", "door", words, "start Ray with RAY_AUTH_MODE=token, and name a token_file")
    found = hosts(ray.nodes())
    if not found:
        yield Finding("bad", "nodes", "Ray has none that lives", "ray start on each of them")
    yield from _spool(settings, ray, found)


def _spool(settings: Settings, ray: Dashboard, found: list[Host]) -> Iterator[Finding]:
    """Whether each node has the Python and sees the spool: asked by a job on each of them."""
    if not settings.spool:
        several = len({host.address.partition("/")[0] for host in found}) > 1
        fix = "name a folder that all of them see as spool in [plugins.ray]" if several else ""
        words = "the engine's own folder, which only this machine sees"
        yield Finding("bad" if several else "ok", "spool", words, fix)
        return
    spool = Path(settings.spool)
    name = f"doctor-{os.urandom(6).hex()}"
    asked = {}
    for number, host in enumerate(found):
        yield Finding("ok", f"node {host.place}", f"{host.gpus} GPUs, {host.cpus} CPUs, {host.memory >> 30} GiB")
        code = f"open({str(spool / f'{name}-{number}')!r}, 'x').close()"
        job = {
            "submission_id": f"{name}-{number}",
            "entrypoint": f"exec {shlex.join([settings.python, '-I', '-S', '-c', code])}",
            "entrypoint_resources": {host.place: LITTLE},
            "metadata": {"shanyrak": "doctor"},
        }
        status, text = ray.submit(job)
        if status == 200:
            asked[job["submission_id"]] = host
        else:
            yield Finding("bad", f"node {host.place}", f"Ray took no job for it: {last_line(text)}")
    until = time.monotonic() + PROBE_S
    while asked and time.monotonic() < until:
        for id_, host in list(asked.items()):
            said = ray.job(str(id_)) or {"status": "FAILED", "message": "it was forgotten"}
            if said["status"] not in ("SUCCEEDED", "FAILED", "STOPPED"):
                continue
            del asked[id_]
            ray.delete(str(id_))
            if (spool / str(id_)).exists():
                (spool / str(id_)).unlink()
                yield Finding("ok", f"spool on {host.place}", "it is seen there, and may be written")
            else:
                fix = f"mount {spool} there for the user of Ray, and see that `{settings.python}` is a Python"
                yield Finding(
                    "bad", f"spool on {host.place}", f"it is not seen: {last_line(said['message'] or '')}", fix
                )
        time.sleep(0.2)
    for host in asked.values():
        yield Finding("warn", f"spool on {host.place}", f"the node did not say in {PROBE_S:g} s", "is it full?")
