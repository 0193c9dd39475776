"""What slurmctld has forgotten, from sacct: only where the site keeps accounts, and only when it must be."""

from __future__ import annotations

from datetime import UTC, datetime

from shanyrak.api import EngineProblem

from shanyrak_slurm import times
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.jobs import Job

FIELDS = ("JobID", "JobName", "State", "ExitCode", "Submit", "Start", "End", "NodeList", "JobIDRaw")
MARGIN_MS = 60_000
"""The clocks of this machine and Slurm's may differ by so much."""


def find(slurm: Slurm, name: str, user: str, asked_ms: int) -> list[Job]:
    """The jobs of a user under a name since it was asked for; none where no accounts are kept. Raises EngineProblem."""
    since = datetime.fromtimestamp((asked_ms - MARGIN_MS) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    try:
        text = slurm.run(
            "sacct", "-n", "-P", "-X", f"--user={user}", f"--name={name}", f"--starttime={since}", "--endtime=now",
            f"--format={','.join(FIELDS)}",
        )  # fmt: skip
    except EngineProblem as problem:
        if "accounting storage is disabled" in str(problem):
            return []
        raise
    return read(text)


def read(text: str) -> list[Job]:
    """Jobs from sacct's lines."""
    found = []
    for line in text.splitlines():
        id_, rest = line.split("|", 1)
        name, state, exit_, submitted, started, ended, node, raw = rest.rsplit("|", 7)
        code, _, signal = exit_.partition(":")
        status = (int(code) << 8) + int(signal) if code.isdigit() and signal.isdigit() else 0
        number, _, place = id_.partition("_")
        facts = (
            name, state.partition(" ")[0], "", status, times.ms(submitted), times.ms(started), times.ms(ended), 0, node, raw,
        )  # fmt: skip
        if not place:
            found.append(Job(number, -1, *facts))
        else:
            found += [Job(f"{number}_{spot}", spot, *facts) for spot in times.places(place)]
    return found
