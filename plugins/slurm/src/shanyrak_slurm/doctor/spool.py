"""Whether the nodes see the folder in which logs and notes are kept: known only from a job that writes there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from shanyrak.api import EngineProblem

from shanyrak_slurm.doctor.finding import Case, Finding

PATIENCE_S = 60.0
FIX = "set [plugins.slurm] spool to a folder that all nodes mount under the same name"


def spool(case: Case, workspace: Path, job: bool) -> Iterator[Finding]:
    """The folder is there; with `job` a job of a second writes a file into it, on each pool."""
    for pool in case.pools:
        own = workspace / "engines" / pool.name
        folder = Path(case.settings.spool) if case.settings.spool else own
        subject = f"pool {pool.name}: spool {folder}"
        if not folder.is_dir():
            if case.settings.spool:
                yield Finding("bad", subject, "it does not exist", f"make it, or {FIX}")
                continue
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            yield Finding("bad", subject, f"{case.user} cannot write there", FIX)
        elif job:
            yield _write(case, pool.settings.partition, folder, subject)
        else:
            yield Finding("lacks", subject, "whether the nodes see it was not tried", "shanyrak slurm doctor --job")


def _write(case: Case, partition: str, folder: Path, subject: str) -> Finding:
    path = folder / f".doctor-{os.getpid()}-{time.monotonic_ns()}"
    script = f"#!/bin/sh\nhostname > {_quoted(str(path))}.part && mv {_quoted(str(path))}.part {_quoted(str(path))}\n"
    arguments = [f"--partition={partition}"] if partition else []
    try:
        id_ = case.slurm.run("sbatch", "--parsable", "--job-name=shanyrak-doctor", "--export=NONE", "--no-requeue", "--time=1",
                             "--ntasks=1", "--output=/dev/null", "--error=/dev/null", "--chdir=/", *arguments,
                             stdin=script).strip()  # fmt: skip
    except EngineProblem as problem:
        return Finding("bad", subject, f"a job cannot be submitted: {problem.why}", problem.fix)
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            if path.exists():
                return Finding("good", subject, f"a job on {path.read_text().strip()} wrote there")
            state = case.slurm.run("squeue", "-h", "-t", "all", "-j", id_, "-o", "%T %r").strip()
            if not state or state.split()[0] not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"):
                time.sleep(1.0)  # a file on a network may be seen a little later
                if path.exists():
                    continue
                return Finding(
                    "bad", subject, f"job {id_} ended ({state or 'gone'}) and this machine does not see its file", FIX
                )
            time.sleep(0.2)
        return Finding("lacks", subject, f"job {id_} did not start in {PATIENCE_S:g} s ({state}), and was cancelled",
                       "try again when there is room")  # fmt: skip
    finally:
        path.unlink(missing_ok=True)
        try:
            case.slurm.run("scancel", id_)
        except EngineProblem:
            pass  # it has ended


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
