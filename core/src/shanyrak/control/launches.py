"""From an attempt in the journal to what its engine is told: the same for a first launch and after a restart."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path

from shanyrak.errors import Problem, UsageProblem
from shanyrak.exchange import Launch
from shanyrak.journal.journal import submission
from shanyrak.journal.store import Rows
from shanyrak.model.facility import Placement, Pool
from shanyrak.model.workload import Spec

LARGEST_SECRET = 100_000
"""Bytes; Linux takes 131,071 in one variable of an environment."""


def launches(rows: Rows, tokens: Sequence[str], secrets: Path) -> tuple[list[Launch], dict[str, str]]:
    """A `Launch` for each token, and for those that cannot have one (a secret is missing) why, in words."""
    ready: list[Launch] = []
    impossible: dict[str, str] = {}
    nodes: dict[int, str] = dict(rows.all("SELECT id, name FROM node"))
    specs: dict[int, tuple[Spec, dict[str, str], str]] = {}
    for token in tokens:
        row = rows.one(
            "SELECT a.workload, a.task, a.nodes, a.bundle, w.actor, w.units, w.width, w.walltime, p.name, p.engine,"
            " p.unit, p.nodes, p.units, p.cpus, p.memory, w.project FROM attempt a JOIN workload w ON w.id = a.workload"
            " JOIN pool p ON p.id = w.pool WHERE a.token = ?",
            (token,),
        )
        assert row is not None
        id_, task, where, bundle, actor, units, width, walltime = row[:8]
        placement, project = Placement(Pool(*row[8:15]), width, units), row[15]
        if id_ not in specs:
            # The text was checked when it was submitted; a secret may have gone since.
            spec = Spec.model_validate(submission(rows, id_)["spec"])
            try:
                specs[id_] = (spec, read_secrets(secrets, spec.secrets), "")
            except Problem as problem:
                specs[id_] = (spec, {}, str(problem))
        spec, values, wrong = specs[id_]
        if wrong:
            impossible[token] = wrong
            continue
        ready.append(
            Launch(
                token=token,
                workload=id_,
                task=spec.tasks.index(task),
                bundle=bundle,
                argv=spec.command,
                env={**base_environment(actor), **spec.env},
                secrets=values,
                cwd=spec.cwd,
                outputs=spec.outputs,
                nodes=tuple((nodes[node], units) for node in json.loads(where)),
                unit=placement.pool.unit,
                cpus=max(spec.cpus, placement.per_unit_cpus),
                memory=spec.mem or placement.per_unit_memory,
                walltime_ms=walltime,
                user=actor,
                network=spec.network,
                project=project,
            )
        )
    return ready, impossible


def base_environment(actor: str) -> dict[str, str]:
    """PATH, HOME and LANG: all that a job has without asking. Nothing is inherited from the controller."""
    try:
        home = pwd.getpwnam(actor).pw_dir
    except KeyError:
        home = "/"
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8"}


def read_secrets(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The secrets of those names. Raises UsageProblem when one is missing, no file, open to others, or no text."""
    return {name: _secret(name, folder / name) for name in names}


def _secret(name: str, path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe must not make us wait
    except OSError as error:
        raise UsageProblem(
            f"secret {name!r}", f"it cannot be read ({error.strerror})", f"put it into {path}, mode 0600"
        ) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UsageProblem(f"secret {name!r}", "it is not a file", f"put its text into {path}, mode 0600")
        if status.st_mode & 0o077:
            raise UsageProblem(f"secret {name!r}", "others may read its file", f"chmod 600 {path}")
        raw = os.read(handle, LARGEST_SECRET + 1)
    finally:
        os.close(handle)
    if len(raw) > LARGEST_SECRET:
        raise UsageProblem(f"secret {name!r}", f"it is larger than {LARGEST_SECRET:,} bytes")
    try:
        value = raw.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageProblem(f"secret {name!r}", "it is not UTF-8 text") from None
    if "\0" in value:
        raise UsageProblem(f"secret {name!r}", "it has a zero byte")
    return value
