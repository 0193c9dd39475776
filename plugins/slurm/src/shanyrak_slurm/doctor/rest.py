"""Whether slurmrestd answers, and takes our token."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from shanyrak.api import EngineProblem

from shanyrak_slurm.doctor.finding import Case, Finding
from shanyrak_slurm.rest import KNOWN, PATH
from shanyrak_slurm.tokens import Tokens


def slurmrestd(case: Case) -> Iterator[Finding]:
    """Only where it is to be used."""
    settings = case.settings
    if settings.transport != "rest" and not settings.rest_url:
        return
    if not settings.rest_url:
        yield Finding("bad", "slurmrestd", "transport is rest, and no rest_url is set", "set [plugins.slurm] rest_url")
        return
    try:
        headers = Tokens(settings, case.slurm).headers("")
    except EngineProblem as problem:
        yield Finding("bad", "slurmrestd", f"no token can be made: {problem.why}",
                      "set AuthAltTypes=auth/jwt and AuthAltParameters=jwt_key=... in slurm.conf")  # fmt: skip
        return
    base = settings.rest_url.rstrip("/")
    try:
        offered = {int(found[1]) for path in _get(base, "/openapi", headers, settings.timeout).get("paths", {})
                   if (found := PATH.match(path))}  # fmt: skip
        shown = ", ".join(f"v0.0.{number}" for number in sorted(offered)) or "none"
        if not offered & set(KNOWN):
            words = f"of the versions of its API none is known here: {shown}"
            yield Finding("bad", "slurmrestd", words, "set transport = 'cli'")
            return
        # slurmrestd itself looks at no token: a call that slurmctld must answer shows whether it holds.
        said = _get(base, f"/slurm/v0.0.{max(offered & set(KNOWN))}/partitions", headers, settings.timeout)
        refused = "; ".join(str(one.get("error") or one) for one in said.get("errors") or [])
    except urllib.error.HTTPError as problem:
        refused = f"{problem.code} {problem.reason}"
    except (OSError, ValueError) as problem:
        words = f"{settings.rest_url} cannot be reached: {problem}"
        yield Finding("bad", "slurmrestd", words, "start it, or set transport = 'cli'")
        return
    if refused:
        yield Finding("bad", "slurmrestd", f"slurmctld does not take our token through it: {refused}",
                      "see that all have the same jwt_key, and that it runs with -a rest_auth/jwt")  # fmt: skip
    else:
        yield Finding("good", "slurmrestd", f"{settings.rest_url} answers and our token holds; its API: {shown}")


def _get(base: str, path: str, headers: Mapping[str, str], timeout: float) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(base + path, headers=dict(headers)), timeout=timeout) as answer:
        said = json.load(answer)
    return said if isinstance(said, dict) else {}
