"""What a check found, and what all checks are given."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from shanyrak_slurm.calls import Declined, Slurm
from shanyrak_slurm.config import configured
from shanyrak_slurm.settings import PoolSettings, Settings

Level = Literal["good", "lacks", "bad"]


class Finding(NamedTuple):
    """One line. `lacks`: it works, and something is lost. `bad`: the engine cannot work so."""

    level: Level
    subject: str
    words: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pool that Slurm is to run: as commons.toml declares it, with its settings."""

    name: str
    unit: str
    nodes: int
    units: int
    settings: PoolSettings


@dataclass(frozen=True)
class Case:
    """The site that is looked at."""

    settings: Settings
    pools: Sequence[Wanted]
    projects: Sequence[str]
    slurm: Slurm

    @cached_property
    def config(self) -> dict[str, str]:
        """What slurmctld is configured with."""
        return configured(self.slurm)

    @property
    def accounting(self) -> bool:
        return "slurmdbd" in self.config.get("AccountingStorageType", "")

    @property
    def user(self) -> str:
        """Who asks Slurm."""
        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return str(os.geteuid())

    def show(self, *arguments: str) -> list[dict[str, str]]:
        """`scontrol show ... --oneliner` as tables of names and values; nothing for what does not exist."""
        try:
            text = self.slurm.run("scontrol", "--oneliner", "show", *arguments)
        except Declined:
            return []
        lines = [line for line in text.splitlines() if "=" in line]
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
