"""What the notes of a job say: where and when it began, how and when it ended. Times are ms since the epoch, 0: not noted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from shanyrak.api import Seen

from shanyrak_slurm.jobs import exit_of

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted under a token. Empty fields: not noted (yet)."""

    claimed: bool = False
    given_up: bool = False
    job: str = ""
    node: str = ""
    began_ms: int = 0
    start_ms: int = 0
    """When its job started by slurmctld's clock, in whole seconds; 0 where Slurm does not tell jobs."""
    ended_ms: int = 0
    ran_ms: int = 0
    code: int = 0
    launch: str = ""
    lives: bool | None = None
    """Whether its script holds its lock; None where files cannot be locked."""

    def seen(self, token: str) -> Seen:
        """The end that the job itself wrote down, for when Slurm remembers nothing of it."""
        if self.launch:
            return Seen(token, "ended", self.began_ms, self.began_ms, cause="launch", words=self.launch, fenced=True)
        code, signal = exit_of(self.code << 8)
        return Seen(
            token, "ended", self.began_ms, self.ended_ms, self.ran_ms, exit_code=code, signal=signal, fenced=True
        )


class Began(NamedTuple):
    job: str = ""
    node: str = ""
    ms: int = 0
    up_ms: int = 0
    start_ms: int = 0


class End(NamedTuple):
    code: int = 0
    ms: int = 0
    ran_ms: int = 0


def began_of(text: str) -> Began:
    """`JOB NODE MS UPTIME START`; nothing for a part of it. The last two may be 0 or missing: not known."""
    words = text.split()
    if len(words) < 3:
        return Began()
    job, node, ms, up, start = (*words, "0", "0")[:5]
    return Began(job, node, _ms(ms), _up(up), _ms(start))


def end_of(text: str, began: Began) -> End:
    """`CODE MS UPTIME .`; nothing for a part of it. Of the two times one may be 0: not known."""
    words = text.split()
    if not (
        len(words) == 4 and words[3] == "." and words[0].isdigit() and words[1].isdigit() and NUMBER.fullmatch(words[2])
    ):
        return End()
    code, ms, up = int(words[0]), _ms(words[1]), _up(words[2])
    if up and began.up_ms:  # what no clock that is set moves
        ran = max(0, up - began.up_ms)
        return End(code, ms or began.ms + ran, ran)
    return End(code, ms, max(0, ms - began.ms) if began.ms else 0)


def _up(text: str) -> int:
    """Seconds since boot, as /proc/uptime has them, in ms; 0 for anything else."""
    try:
        return max(0, round(float(text) * 1000))
    except (ValueError, OverflowError):  # no number, or no end of one
        return 0


def _ms(text: str) -> int:
    """Milliseconds as `date +%s%3N` writes them; seconds where date knows no %3N."""
    digits = "".join(letter for letter in text if letter.isdigit())
    return int(digits) * (1 if len(digits) > 11 else 1000) if digits else 0
