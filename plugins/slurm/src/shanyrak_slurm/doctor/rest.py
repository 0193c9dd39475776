"""Whether slurmrestd answers, takes our token, and has a version of its API that serves."""

from __future__ import annotations

from collections.abc import Iterator

from shanyrak.api import EngineProblem

from shanyrak_slurm.config import requeues
from shanyrak_slurm.doctor.finding import Case, Finding
from shanyrak_slurm.rest import WHOLE, Rest, in_words, newest_of


def slurmrestd(case: Case) -> Iterator[Finding]:
    """Only where it is to be used. Raises EngineProblem for what keeps it from being used."""
    if case.settings.transport != "rest" and not case.settings.rest_url:
        return
    rest = Rest(case.settings)
    offered = rest.offered()
    newest = newest_of(offered)
    try:
        # slurmrestd itself looks at no token: a call that slurmctld must answer shows whether it holds.
        rest.ask("GET", f"/slurm/v0.0.{newest}/partitions")
    except EngineProblem as problem:
        yield Finding("bad", "slurmrestd", f"slurmctld does not take our token through it: {problem.why}",
                      "see that all have the same jwt_key, and that it runs with -a rest_auth/jwt")  # fmt: skip
        return
    if newest < WHOLE and requeues(case.config):
        words = (
            f"its API has only {in_words(offered)}, by which Slurm would start jobs again: sbatch is used in its place"
        )
        yield Finding(
            "lacks", "slurmrestd", words, "set JobRequeue=0 in slurm.conf, or upgrade to Slurm 23.02 or newer"
        )
    else:
        words = f"{case.settings.rest_url} answers and our token holds; its API has {in_words(offered)}"
        yield Finding("good", "slurmrestd", words)
