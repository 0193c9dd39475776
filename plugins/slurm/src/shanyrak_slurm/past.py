"""What slurmctld has forgotten, from sacct: only where the site keeps accounts, and only when it must be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from shanyrak.api import EngineProblem

from shanyrak_slurm import times
from shanyrak_slurm.calls import FIX, Slurm
from shanyrak_slurm.jobs import Job, status_of

FIELDS = ("JobID", "JobName", "State", "ExitCode", "Submit", "Start", "End", "NodeList", "JobIDRaw", "User")
MARGIN_MS = 3_600_000
"""The clocks of this machine and Slurm's may differ by so much, either way. It costs nothing: names are looked for."""
NAMES = 500
"""Names in one call: the system bounds the length of a command line."""


def find(slurm: Slurm, names: Sequence[str], users: Sequence[str], asked_ms: int) -> list[Job]:
    """The jobs of these users under these names since they were asked for; none where no accounts are kept.

    Raises EngineProblem. `Job.user` is a name here.
    """
    since = datetime.fromtimestamp((asked_ms - MARGIN_MS) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    found: list[Job] = []
    for first in range(0, len(names), NAMES):
        try:
            text = slurm.run(
                "sacct", "-n", "-P", "-X", f"--user={','.join(users)}", f"--name={','.join(names[first : first + NAMES])}",
                f"--starttime={since}", "--endtime=now+1hour", f"--format={','.join(FIELDS)}",
            )  # fmt: skip
        except EngineProblem as problem:
            if "accounting storage is disabled" in str(problem):
                return []
            raise
        found += read(text)
    return found


def read(text: str) -> list[Job]:
    """Jobs from sacct's lines. Raises EngineProblem for lines that are none."""
    try:
        return _read(text)
    except ValueError:
        raise EngineProblem("Slurm's sacct", "it prints what is not understood", FIX) from None


def _read(text: str) -> list[Job]:
    found = []
    for line in text.splitlines():
        id_, rest = line.split("|", 1)
        name, state, exit_, submitted, started, ended, node, raw, user = rest.rsplit("|", 8)
        number, _, place = id_.partition("_")
        facts = (
            name, state.partition(" ")[0], "", status_of(exit_), times.ms(submitted), times.ms(started), times.ms(ended), 0,
            "" if node == "None assigned" else node, raw, user,
        )  # fmt: skip
        if not place:
            found.append(Job(number, -1, *facts))
        else:
            found += [Job(f"{number}_{spot}", spot, *facts) for spot in times.places(place)]
    return found
