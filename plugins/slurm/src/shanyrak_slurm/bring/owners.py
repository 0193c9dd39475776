"""Whose a past job was: the project that has the name of its account, or what a file says."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shanyrak.api import UsageProblem, did_you_mean

from shanyrak_slurm.bring.sacct import Past


@dataclass(frozen=True, slots=True)
class Owners:
    """Projects by user and by account; what a file says of a user comes before what it says of an account."""

    projects: Collection[str]
    users: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None, projects: Collection[str]) -> Owners:
        """From TOML with the tables `[users]` and `[accounts]`, of Slurm's names to projects. Raises UsageProblem."""
        if path is None:
            return cls(projects)
        try:
            data = tomllib.loads(path.read_text())
        except (OSError, ValueError) as problem:
            raise UsageProblem(f"--map {path}", str(problem), "see `shanyrak slurm import --help`") from None
        for table, names in data.items():
            if table not in ("users", "accounts") or not isinstance(names, dict):
                raise UsageProblem(f"--map {path}", f"{table} is not one of the tables [users] and [accounts]")
            for name, project in names.items():
                if project not in projects:
                    hint = did_you_mean(str(project), projects) or "add it with `shanyrak project add`"
                    raise UsageProblem(f"--map {path}", f"{table} {name}: there is no project {project!r}", hint)
        return cls(projects, data.get("users", {}), data.get("accounts", {}))

    def of(self, job: Past) -> str:
        """The project, or nothing."""
        if found := self.users.get(job.user) or self.accounts.get(job.account):
            return found
        return job.account if job.account in self.projects else ""
