"""What slurmctld is configured with, as it says itself."""

from __future__ import annotations

from collections.abc import Mapping

from shanyrak_slurm.calls import Slurm


def configured(slurm: Slurm) -> dict[str, str]:
    """`scontrol show config` as a table of names and values. Raises EngineProblem when slurmctld does not answer."""
    found: dict[str, str] = {}
    for line in slurm.run("scontrol", "show", "config").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip():
            found.setdefault(name.strip(), value.strip())
    return found


def requeues(config: Mapping[str, str]) -> bool:
    """Whether Slurm starts a job again by itself that did not ask it not to."""
    return config.get("JobRequeue", "1") != "0"
