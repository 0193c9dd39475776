"""Whether slurmrestd answers, and takes our token."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

from shanyrak.api import EngineProblem

from shanyrak_slurm.doctor.finding import Case, Finding


def slurmrestd(case: Case) -> Iterator[Finding]:
    """Only where it is to be used."""
    settings = case.settings
    if settings.transport != "rest" and not settings.rest_url:
        return
    if not settings.rest_url:
        yield Finding("bad", "slurmrestd", "transport is rest, and no rest_url is set", "set [plugins.slurm] rest_url")
        return
    try:
        token = case.slurm.run("scontrol", "token", "lifespan=60").strip().removeprefix("SLURM_JWT=")
    except EngineProblem as problem:
        yield Finding("bad", "slurmrestd", f"no token can be made: {problem.why}",
                      "set AuthAltTypes=auth/jwt and AuthAltParameters=jwt_key=... in slurm.conf")  # fmt: skip
        return
    # The description of its API is given to nobody without a token that holds.
    request = urllib.request.Request(
        f"{settings.rest_url.rstrip('/')}/openapi",
        headers={"X-SLURM-USER-NAME": case.user, "X-SLURM-USER-TOKEN": token},
    )
    try:
        with urllib.request.urlopen(request, timeout=settings.timeout) as answer:
            answer.read(1)
        yield Finding("good", "slurmrestd", f"{settings.rest_url} answers and takes our token")
    except urllib.error.HTTPError as problem:
        yield Finding("bad", "slurmrestd", f"it says {problem.code} {problem.reason} to our token",
                      "see that it has the same jwt_key, and runs with -a rest_auth/jwt")  # fmt: skip
    except (OSError, ValueError) as problem:
        yield Finding(
            "bad",
            "slurmrestd",
            f"{settings.rest_url} cannot be reached: {problem}",
            "start it, or set transport = 'cli'",
        )
