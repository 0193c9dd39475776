"""Whether Slurm can be asked at all: its programs, their version, munge, slurmctld, its clock."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from shanyrak.api import EngineProblem

from shanyrak_slurm import times
from shanyrak_slurm.doctor.finding import Case, Finding
from shanyrak_slurm.version import version

NEEDED = ("sbatch", "squeue", "scancel", "sinfo", "scontrol")
OLDEST = (20, 11)
"""Before it, squeue cannot end its fields with a character of one's own."""
TRIED = ((20, 11), (22, 5), (24, 11))
SLOW_S = 2.0
SKEW_MS = 5_000


def programs(case: Case) -> Iterator[Finding]:
    folder = case.settings.programs or None
    missing = [name for name in NEEDED if shutil.which(name, path=folder) is None]
    if missing:
        yield Finding("bad", "programs", f"{', '.join(missing)} cannot be found",
                      "install Slurm's client, or set [plugins.slurm] programs to their folder")  # fmt: skip
        return
    if case.settings.conf and not Path(case.settings.conf).is_file():
        yield Finding(
            "bad", "conf", f"{case.settings.conf} is no file", "correct [plugins.slurm] conf, or leave it out"
        )
        return
    text = case.slurm.run("sinfo", "--version").strip()[:100]
    found = version(text)
    said = text.removeprefix("slurm-wlm ").removeprefix("slurm ")
    if found is None:
        yield Finding("lacks", "version", f"Slurm does not say its version: {text}")
    elif found < OLDEST:
        yield Finding("bad", "version", f"Slurm {said} is too old", f"upgrade to {OLDEST[0]}.{OLDEST[1]:02} or newer")
    elif found not in TRIED:
        tried = ", ".join(f"{year}.{month:02}" for year, month in TRIED)
        yield Finding("good", "version", f"Slurm {said}; what was tried is {tried}")
    else:
        yield Finding("good", "version", f"Slurm {said}")


def slurmctld(case: Case) -> Iterator[Finding]:
    """Answered with this machine's munge key, in a time that lets the controller look often. Its clock is compared."""
    begin = time.monotonic()
    try:
        case.slurm.run("squeue", "-h", "--me", "-o", "%A")
    except EngineProblem as problem:
        yield Finding("bad", "slurmctld", problem.why, problem.fix)
        return
    took = time.monotonic() - begin
    words = f"answers in {took * 1000:.0f} ms, and knows this machine's munge key"
    if took > SLOW_S:
        yield Finding("lacks", "slurmctld", f"takes {took:.1f} s to answer: starts and ends are seen late",
                      "see `sdiag` for who asks it too often")  # fmt: skip
    else:
        yield Finding("good", "slurmctld", words)
    yield from _clock(case)


def _clock(case: Case) -> Iterator[Finding]:
    before = time.time() * 1000
    head = case.slurm.run("scontrol", "show", "config").partition("\n")[0]
    said = re.search(r"\d{4}-\d\d-\d\dT[\d:]+", head)
    if said is None:
        return
    skew = times.ms(said[0]) - before
    # It tells whole seconds.
    if -SKEW_MS - 1000 <= skew <= SKEW_MS:
        yield Finding("good", "clock", "slurmctld's and this machine's agree to a few seconds")
    else:
        yield Finding("lacks", "clock", f"slurmctld's is {skew / 1000:+.0f} s from this machine's: starts and ends are told by it",
                      "let both machines keep time by NTP")  # fmt: skip
