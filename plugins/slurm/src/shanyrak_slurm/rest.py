"""Submissions through slurmrestd, which takes several times as many a second as sbatch. All else goes through the programs:
its list of jobs is megabytes of JSON where squeue's is kilobytes, and it cannot cancel by name and id.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from shanyrak.api import EngineProblem

from shanyrak_slurm.calls import UNREACHABLE, Declined, Unreachable
from shanyrak_slurm.cli import Cli
from shanyrak_slurm.config import configured, requeues
from shanyrak_slurm.jobs import Order
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.tokens import Tokens

KNOWN = (36, 37, 38, 39, 40, 41, 42, 43)
"""Versions v0.0.N of the API whose submissions are written below."""
WHOLE = 39
"""The first version in which a job can ask for nodes by name, and never to be requeued (older ones take `requeue` and
do nothing with it: seen in v0.0.35 to v0.0.38)."""
PATH = re.compile(r"^/slurm/v0\.0\.(\d+)/job/submit/?$")
REFUSED_TOKEN = re.compile(r"Zero Bytes were transmitted|authentication", re.IGNORECASE)
"""What it says when slurmctld hangs up on a token that is wrong or out of date, or dies."""
WHAT = "slurmrestd"


class Rest(Cli):
    """`Transport` whose submissions go over HTTP, on a connection of each thread that is kept."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.settings = settings
        address = urlsplit(settings.rest_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise EngineProblem(
                "engine slurm",
                f"rest_url is {settings.rest_url!r}",
                "set it to an address such as http://127.0.0.1:6820",
            )
        self._address = address
        self._own = threading.local()
        self._tokens = Tokens(settings, self.slurm)
        self._version = 0
        self._requeues = False

    def submit(self, order: Order) -> str:
        if not self._version:
            newest = newest_of(self.offered(order.user))
            self._requeues = newest < WHOLE and requeues(configured(self.slurm))
            self._version = newest
        if self._requeues or (order.options.get("nodelist") and self._version < WHOLE):
            return super().submit(order)
        body = json.dumps({"job": job_of(order, self._version), "script": order.script}).encode()
        said = self.ask("POST", f"/slurm/v0.0.{self._version}/job/submit", order.user, body)
        id_ = said.get("job_id") or (said.get("result") or {}).get("job_id")
        if not id_:
            raise Declined(WHAT, complaint(said) or "it gave no job id")
        return str(id_)

    def offered(self, user: str = "") -> list[int]:
        """The versions v0.0.N of its API, whether known here or not."""
        paths = self.ask("GET", "/openapi", user).get("paths", {})
        return sorted({int(found[1]) for path in paths if (found := PATH.match(path))})

    def ask(self, method: str, path: str, user: str = "", body: bytes = b"") -> dict[str, Any]:
        """One call, with a new token when the old one has run out. A call that may have arrived is not sent again."""
        for again in (False, True):
            headers = {**self._tokens.headers(user, fresh=again), "Content-Type": "application/json"}
            status, said = self._call(method, path, headers, body)
            if status not in (401, 403):
                break
        else:
            raise Unreachable(
                WHAT, f"it does not accept the token of {user or 'this user'} (authentication, {status})",
                "see that it has run with the same jwt_key as slurmctld, and that clocks agree",
            )  # fmt: skip
        if status >= 400 or said.get("errors"):
            words = complaint(said) or f"it answered {status}"
            if REFUSED_TOKEN.search(words):
                self._tokens.drop(user)
                raise Unreachable(
                    WHAT, words, "see that slurmctld runs (`scontrol ping`), that it has the same jwt_key, that clocks agree"
                )  # fmt: skip
            if UNREACHABLE.search(words):
                raise Unreachable(WHAT, words, "see that slurmctld runs: `scontrol ping`")
            raise Declined(WHAT, words)
        return said

    @property
    def _connection(self) -> http.client.HTTPConnection:
        """This thread's."""
        if not hasattr(self._own, "connection"):
            kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
            self._own.connection = kind(self._address.hostname or "", self._address.port, timeout=self.settings.timeout)
        connection: http.client.HTTPConnection = self._own.connection
        return connection

    def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        connection = self._connection
        fresh = connection.sock is None
        try:
            if fresh:
                connection.connect()
        except OSError as problem:
            connection.close()
            raise Unreachable(WHAT, f"connect failure: {problem.strerror or problem}", "see that it runs") from None
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            text = answer.read()
        except http.client.RemoteDisconnected:
            connection.close()
            if fresh:
                raise Unreachable(WHAT, "it went away in the middle of a call", "see its log") from None
            return self._call(method, path, headers, body)  # it had closed the kept connection before
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            raise Unreachable(WHAT, str(problem) or type(problem).__name__, "see that it runs") from None
        try:
            said = json.loads(text or b"{}")
        except ValueError:
            said = {"errors": [{"error": text[:200].decode(errors="replace")}]}
        return answer.status, said if isinstance(said, dict) else {}


def newest_of(offered: Sequence[int]) -> int:
    """The newest version of the API that both sides know. Raises EngineProblem when there is none."""
    both = set(offered) & set(KNOWN)
    if not both:
        raise EngineProblem(
            WHAT,
            f"it offers the versions {in_words(offered)} of its API, of which none is known here",
            "set transport = 'cli'",
        )
    return max(both)


def in_words(versions: Sequence[int]) -> str:
    """`v0.0.37, v0.0.38`, or `none`."""
    return ", ".join(f"v0.0.{number}" for number in versions) or "none"


def job_of(order: Order, version: int) -> dict[str, Any]:
    """The options of sbatch as that version of the API names them. The one place that knows the versions."""
    options = order.options
    new = version >= WHOLE
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", **order.secrets}  # an empty environment is refused

    def number(text: str) -> Any:
        value = int(text)
        return {"set": True, "infinite": False, "number": value} if new else value

    job: dict[str, Any] = {
        "name": options["job-name"],
        "current_working_directory": options["chdir"],
        "standard_output": options["output"],
        "standard_error": options["error"],
        "requeue": False,
        "nodes": options["nodes"] if new else [int(options["nodes"] or 1)] * 2,
        "tasks": int(options["nodes"] or 1) * int(options["ntasks-per-node"] or 1),
        "tasks_per_node": int(options["ntasks-per-node"] or 1),
        "cpus_per_task": int(options["cpus-per-task"] or 1),
        "memory_per_node": number((options["mem"] or "0M").removesuffix("M")),
        "time_limit": number(options["time"] or "0"),
        "environment": [f"{name}={value}" for name, value in path.items()] if new else path,
    }
    for name, there in (
        ("array", "array"), ("partition", "partition"), ("qos", "qos"), ("reservation", "reservation"),
        ("licenses", "licenses"), ("account", "account"),
    ):  # fmt: skip
        if options.get(name):
            job[there] = options[name]
    if options.get("gres"):
        job["tres_per_node" if new else "gres"] = f"gres:{options['gres']}" if new else options["gres"]
    if nodes := options.get("nodelist"):
        job["required_nodes"] = nodes.split(",")
    return job


def complaint(said: Mapping[str, Any]) -> str:
    """What the errors of an answer say, in one line."""
    found = said.get("errors") or []
    texts = [
        str(one.get("error") or one.get("description") or one.get("error_number"))
        if isinstance(one, dict)
        else str(one)
        for one in found
    ]
    return "; ".join(dict.fromkeys(texts))[:500].rstrip(".")
