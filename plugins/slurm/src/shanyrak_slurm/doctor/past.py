"""What Slurm remembers, and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shanyrak.api import EngineProblem

from shanyrak_slurm.doctor.finding import Case, Finding

SHORT_S = 60


def memory(case: Case) -> Iterator[Finding]:
    """Accounts, and the time before slurmctld forgets."""
    found = re.search(r"\d+", case.config.get("MinJobAge", "300"))
    age = int(found[0]) if found else 300
    if not case.accounting:
        yield Finding("lacks", "accounting", f"none is kept: how a job ended is known for {age} s (MinJobAge) after its end, then"
                      " only from what it wrote itself; `shanyrak slurm sync` and `import` need it",
                      "set AccountingStorageType=accounting_storage/slurmdbd")  # fmt: skip
    else:
        yield from _slurmdbd(case)
    if 0 < age < SHORT_S:
        yield Finding(
            "lacks", "MinJobAge", f"{age} s: slurmctld may forget an end before it is seen", "set MinJobAge=300"
        )
    else:
        yield Finding(
            "good", "MinJobAge", f"{age} s: ends are remembered that long" if age else "0: ends are not forgotten"
        )


def _slurmdbd(case: Case) -> Iterator[Finding]:
    try:
        case.slurm.run("sacct", "-n", "-P", "-X", "--starttime=now-1minutes", "--format=JobID")
    except EngineProblem as problem:
        yield Finding("bad", "accounting", problem.why, "see that slurmdbd runs: `sacctmgr show cluster`")
        return
    enforce = case.config.get("AccountingStorageEnforce", "none")
    if "limits" in enforce:
        words = f"sacct answers; limits hold (AccountingStorageEnforce={enforce})"
        yield Finding("good", "accounting", words)
    else:
        words = f"sacct answers; limits of `shanyrak slurm sync` do not hold (AccountingStorageEnforce={enforce})"
        yield Finding("lacks", "accounting", words, "set AccountingStorageEnforce=associations,limits,qos,safe")
    if any(pool.unit == "gpu" for pool in case.pools) and "gres/gpu" not in case.config.get(
        "AccountingStorageTRES", ""
    ):
        yield Finding("lacks", "accounting of GPUs", "sacct does not count them: past work comes in as CPUs",
                      "add gres/gpu to AccountingStorageTRES")  # fmt: skip
