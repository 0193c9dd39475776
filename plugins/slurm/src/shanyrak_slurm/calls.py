"""Slurm's programs, called: a clean environment, a timeout on every call, one clear line when it fails."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from shanyrak.api import EngineProblem

from shanyrak_slurm.settings import Settings

UNREACHABLE = re.compile(
    r"Unable to contact slurm|Zero Bytes were transmitted|Connection refused|Connection reset|Connection timed out"
    r"|Communication \w+ failure|Message (?:send|receive) failure|Unexpected message|Broken pipe|Insane message"
    r"|Header lengths|Resource temporarily unavailable|Unspecified error|Socket timed out|timed out on send/recv"
    r"|Unable to establish control|Unable to connect to database|Transport endpoint|in standby|is DOWN$"
    r"|missing socket|slurm_\w*(?:send|recv|receive)",
    re.IGNORECASE,
)
"""What is said when the way to a daemon failed: it may or may not have done what it was asked."""
NOT_SENT = re.compile(r"connect failure|Connection refused|authentication|munge|configuration source", re.IGNORECASE)
"""Of those, what surely never reached slurmctld."""
STRANGERS = re.compile(
    r"Invalid authentication credential|Protocol authentication error|Authentication type mismatch|munge",
    re.IGNORECASE,
)
"""What is said of a caller whom a daemon cannot tell from a stranger."""
HUNG_UP = re.compile(r"Zero Bytes were transmitted", re.IGNORECASE)
"""What is said of a slurmctld that died in the middle of a call, and of one that cannot read who calls: another munge key."""
FIX = "see what `shanyrak slurm doctor` says of its version"
"""What to do about a Slurm that lacks, or prints, what is not known here."""
OLD = re.compile(r"unrecognized option|invalid option|format specification", re.IGNORECASE)
"""What a Slurm says that lacks what is needed here."""
NOISE = re.compile(r"^(?:\w+: |\w+ (?=error: ))(?:(?:error|fatal): )*(?:Batch job submission failed: )?")


class Unreachable(EngineProblem):
    """Slurm's daemon did not answer: nothing can be concluded of any job."""


class Declined(EngineProblem):
    """Slurm answered, and did not do it. `said` is what it said, in its own words."""

    def __init__(self, what: str, said: str, fix: str = "") -> None:
        super().__init__(what, said, fix)
        self.said = said


class Slurm:
    """The programs of one site. Nothing of this process's environment reaches them but what is named here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "SLURM_TIME_FORMAT": "standard",
            "SLURM_BITSTR_LEN": "0",  # the tasks of an array in full
        }
        if conf := settings.conf or os.environ.get("SLURM_CONF", ""):
            self._environment["SLURM_CONF"] = conf

    def run(
        self,
        program: str,
        *arguments: str,
        stdin: str = "",
        timeout: float = 0.0,
        more: Mapping[str, str] | None = None,
    ) -> str:
        """What the program prints. Raises Unreachable, Declined or another EngineProblem.

        Times are UTC, as `2026-11-25T18:00:00`. `more` is added to its environment.
        """
        path = str(Path(self.settings.programs, program)) if self.settings.programs else program
        limit = timeout or self.settings.timeout
        conf = self._environment.get("SLURM_CONF", "")
        if conf and not os.access(conf, os.R_OK):  # Slurm would look elsewhere for minutes
            raise EngineProblem(conf, "no such file can be read", "set [plugins.slurm] conf to the site's slurm.conf")
        try:
            done = subprocess.run(
                [path, *arguments], input=stdin, capture_output=True, text=True, errors="replace", timeout=limit,
                env={**self._environment, **(more or {})}, cwd="/", check=False,
                start_new_session=True,  # Ctrl-C is for this process: it goes on until the call has its answer
            )  # fmt: skip
        except FileNotFoundError:
            raise EngineProblem(
                f"Slurm's {program}",
                "it is not installed here",
                "install Slurm's client, or set [plugins.slurm] programs",
            ) from None
        except PermissionError as problem:
            raise EngineProblem(f"Slurm's {program}", str(problem.strerror)) from None
        except subprocess.TimeoutExpired:
            raise Unreachable(
                f"Slurm's {program}", f"no answer in {limit:g} s", "see `scontrol ping`, or set [plugins.slurm] timeout"
            ) from None
        if done.returncode < 0:  # it may have had its answer, which nobody heard
            raise Unreachable(
                f"Slurm's {program}", f"it was killed by signal {-done.returncode}", "see `dmesg`, and ask again"
            )
        if done.returncode:
            raise explain(program, done.stderr or "".join(done.stdout.strip().splitlines()[-1:]))
        return done.stdout


def explain(program: str, text: str) -> EngineProblem:
    """What a person can do about what a program of Slurm said when it failed."""
    said = words(text)
    what = f"Slurm's {program}"
    if not said:
        return Unreachable(what, "it failed and said nothing", "see that slurmctld runs: `scontrol ping`")
    if HUNG_UP.search(text):
        fix = "see that slurmctld runs (`scontrol ping`), and that munged has the same key there: `munge -n | ssh HOST unmunge`"
        return Unreachable(what, said, fix)
    if STRANGERS.search(text):
        return Unreachable(what, said, "see that munged runs with the same key on all machines (`munge -n | unmunge`)")
    if UNREACHABLE.search(text):
        return Unreachable(what, said, "see that slurmctld runs: `scontrol ping`")
    if OLD.search(text):
        return EngineProblem(what, said, FIX)
    if "configuration source" in text:
        return Unreachable(what, said, "set [plugins.slurm] conf to the site's slurm.conf")
    return Declined(what, said)


def words(text: str) -> str:
    """What a program complained of in one line, without its name: the last complaint alone rarely names the limit or partition."""
    lines = [NOISE.sub("", line.strip()).rstrip(".") for line in text.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line and not line.startswith("Try ")))[:500]
