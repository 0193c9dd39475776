"""Ray's HTTP API, as much of it as is used here: jobs, nodes, the version. Each call has a timeout and one clear error.

`ray` itself is never imported: that costs seconds, and needs the cluster's very version.
"""

from __future__ import annotations

import http.client
import json
import ssl
import stat
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from shanyrak.api import EngineProblem

from shanyrak_ray.settings import Settings

Answer = tuple[int, str]


class Dashboard:
    """The dashboard of a Ray head. Safe to call from several threads: each has a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.address.rstrip("/")
        parts = urlsplit(self.url)
        if not parts.hostname:
            raise EngineProblem(f"address {settings.address!r}", "it names no host", "write http://HOST:8265")
        self.secure, self.host = parts.scheme == "https", parts.hostname
        self.port = parts.port or (443 if self.secure else 8265)
        self._mine = threading.local()

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Status and text. EngineProblem when there is no answer in time, or when Ray lets nobody of ours in."""
        headers = {"Content-Type": "application/json", **self._token()}
        data = None if body is None else json.dumps(body).encode()
        for fresh in (
            False,
            True,
        ):  # A connection that was kept may be gone by now; each of our calls may be made twice.
            kept = getattr(self._mine, "connection", None)
            if fresh or kept is None:
                kept = self._mine.connection = self._connect()
            try:
                kept.request(method, path, data, headers)
                reply = kept.getresponse()
                status, text = reply.status, reply.read().decode(errors="replace")
                break
            except (OSError, http.client.HTTPException) as problem:
                kept.close()
                self._mine.connection = None
                if fresh or isinstance(problem, TimeoutError):
                    why = "it gave no answer in time" if isinstance(problem, TimeoutError) else _words(problem)
                    raise EngineProblem(f"Ray at {self.url}", why, "is its head running?") from None
        if status in (401, 403):
            raise EngineProblem(
                f"Ray at {self.url}",
                f"it lets nobody in without its token ({status})",
                "set token_file in [plugins.ray]",
            )
        return status, text

    def json(self, path: str) -> Any:
        """What a GET gives. EngineProblem when it is not what was asked for."""
        status, text = self.ask("GET", path)
        if status != 200:
            raise EngineProblem(f"Ray at {self.url}", f"{path} gave status {status}: {last_line(text)}")
        return parsed(text, f"Ray at {self.url}")

    def version(self) -> dict[str, str]:
        """`ray_version`, and `session_name`, which is another after each start of the head."""
        found: dict[str, str] = self.json("/api/version")
        return found

    def nodes(self) -> list[dict[str, Any]]:
        """Every node, as the state API tells: its id, ip, name, state and resources."""
        said = self.json("/api/v0/nodes?detail=1&limit=10000")
        try:
            found: list[dict[str, Any]] = said["data"]["result"]["result"]
        except (KeyError, TypeError):
            raise EngineProblem(
                f"Ray at {self.url}", "it does not tell its nodes in a known form", "use a Ray from 2.40 on"
            ) from None
        return found

    def submit(self, body: dict[str, Any]) -> Answer:
        """Submit a job."""
        return self.ask("POST", "/api/jobs/", body)

    def job(self, id_: str) -> dict[str, Any] | None:
        """One job; None when Ray does not know it."""
        status, text = self.ask("GET", f"/api/jobs/{quote(id_, safe='')}")
        if status == 404:
            return None
        if status != 200:
            raise EngineProblem(f"Ray at {self.url}", f"job {id_} gave status {status}: {last_line(text)}")
        found: dict[str, Any] = parsed(text, f"Ray at {self.url}")
        return found

    def jobs(self) -> dict[str, dict[str, Any]]:
        """All jobs by submission id."""
        return {job["submission_id"]: job for job in self.json("/api/jobs/") if job.get("submission_id")}

    def delete(self, id_: str) -> bool:
        """Have Ray forget a job that has ended; False when it does not, as it thinks that it is not over."""
        return self.ask("DELETE", f"/api/jobs/{quote(id_, safe='')}")[0] in (200, 404)

    def stop(self, id_: str) -> None:
        """Have Ray end what a job runs; it does nothing to one that has not started."""
        self.ask("POST", f"/api/jobs/{quote(id_, safe='')}/stop")

    def close(self) -> None:
        """Close this thread's connection."""
        kept = getattr(self._mine, "connection", None)
        if kept is not None:
            kept.close()
            self._mine.connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self.secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.settings.timeout, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=self.settings.timeout)

    def _token(self) -> dict[str, str]:
        """The header that a cluster with a token asks for; read each time, as tokens are changed."""
        if not self.settings.token_file:
            return {}
        path = Path(self.settings.token_file)
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise EngineProblem(f"token_file {path}", "others may read it", f"chmod 600 {path}")
            return {"Authorization": f"Bearer {path.read_text().strip()}"}
        except OSError as problem:
            raise EngineProblem(f"token_file {path}", str(problem.strerror)) from None


def parsed(text: str, whose: str) -> Any:
    """JSON. EngineProblem when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        raise EngineProblem(whose, f"it answered no JSON: {text[:80]!r}", "is this a Ray dashboard?") from None


def last_line(text: str) -> str:
    """What a message of Ray comes to, often a traceback or a log: its last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" .\t")]
    lines = [line for line in lines if not line.startswith("Running entrypoint ")]
    return (lines[-1] if lines else "nothing")[:300]


def _words(problem: Exception) -> str:
    return str(getattr(problem, "strerror", None) or problem or type(problem).__name__)
