"""Ray's HTTP API, as much of it as is used here: jobs, nodes, the version. Each call has a timeout and one clear error.

`ray` itself is never imported: that costs seconds, and needs the cluster's very version.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import stat
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from shanyrak.api import EngineProblem

from shanyrak_ray.settings import Settings

Answer = tuple[int, str]


class LockedOut(EngineProblem):
    """It is there, and does not let us in."""


class Dashboard:
    """The dashboard of a Ray head. Safe to call from several threads: each has a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.address.rstrip("/")
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host:
            raise EngineProblem(f"address {settings.address!r}", "it names no host and port", "write http://HOST:8265")
        self.secure, self.host = parts.scheme == "https", host
        self.port = port or (443 if self.secure else 8265)
        self._mine = threading.local()

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Status and text. EngineProblem when there is no answer in time, or when Ray lets nobody of ours in."""
        headers = {"Content-Type": "application/json", **self._token()}
        data = None if body is None else json.dumps(body).encode()
        # A connection that was kept may be gone by now; each of our calls may be made twice.
        for fresh in (False, True):
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
            raise self._locked_out(status, last_line(text))
        return status, text

    def json(self, path: str) -> Any:
        """What a GET gives. EngineProblem when it is not what was asked for."""
        status, text = self.ask("GET", path)
        if status != 200:
            raise self.strange(f"{path} gave status {status}", text)
        try:
            return json.loads(text)
        except ValueError:
            raise self.strange(f"{path} gave no JSON", text) from None

    def version(self) -> str:
        """The version of Ray."""
        said = self.json("/api/version")
        try:
            return str(said["ray_version"])
        except (KeyError, TypeError):
            raise self.strange("/api/version names no version of Ray", str(said)) from None

    def is_open(self) -> bool:
        """Whether it tells its jobs to who has no token."""
        other = Dashboard(self.settings.model_copy(update={"token_file": ""}))
        try:
            other.ask("GET", "/api/jobs/")
            return True
        except LockedOut:
            return False
        finally:
            other.close()

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
        """One job, with its `status` at least; None when Ray says that it does not know it."""
        path = f"/api/jobs/{quote(id_, safe='')}"
        status, text = self.ask("GET", path)
        if status == 404 and text.strip() == f"Job {id_} does not exist":  # A proxy that finds no Ray says 404 as well.
            return None
        if status != 200:
            raise self.strange(f"{path} gave status {status}", text)
        try:
            found: dict[str, Any] = json.loads(text)
            assert found["status"]
        except (ValueError, KeyError, TypeError, AssertionError):
            raise self.strange(f"{path} tells of no job", text) from None
        return found

    def jobs(self) -> dict[str, dict[str, Any]]:
        """All jobs: those that were submitted by their submission id, programs that joined by the id that Ray gave them."""
        said = self.json("/api/jobs/")
        try:
            return {str(job.get("submission_id") or job.get("job_id")): job for job in said if job["status"]}
        except (KeyError, TypeError, AttributeError):
            raise self.strange("/api/jobs/ tells of no jobs", str(said)) from None

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

    def strange(self, what: str, text: str) -> EngineProblem:
        """An answer that no Ray gives, or none that means something here."""
        if not is_page(text):
            return EngineProblem(f"Ray at {self.url}", f"{what}: {last_line(text)}")
        title = re.search(r"<(?:title|h1)>([^<]+)", text, re.I)
        why = f"{what}, and a web page: {' '.join(title[1].split())[:80] if title else 'without a title'}"
        return EngineProblem(f"Ray at {self.url}", why, "have `address` in [plugins.ray] lead to Ray's own dashboard")

    def _locked_out(self, status: int, words: str) -> LockedOut:
        if self.settings.token_file:
            why = f"it does not take the token in {self.settings.token_file} ({status}: {words})"
            return LockedOut(f"Ray at {self.url}", why, "put the token that Ray was started with into it")
        why = f"it lets nobody in without a token ({status}: {words})"
        return LockedOut(
            f"Ray at {self.url}", why, "put its token into a file of mode 0600, token_file in [plugins.ray]"
        )

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
            token = path.read_text(errors="replace").strip()
        except OSError as problem:
            raise EngineProblem(f"token_file {path}", str(problem.strerror)) from None
        if not re.fullmatch(r"[!-~]+", token):
            raise EngineProblem(f"token_file {path}", "it holds no token", "one line, without blanks")
        return {"Authorization": f"Bearer {token}"}


def is_page(text: str) -> bool:
    """Whether it is a web page, as of a proxy or a login, which Ray's API never gives."""
    return text.lstrip()[:1] == "<"


def last_line(text: str) -> str:
    """What a message of Ray comes to, often a traceback or a log: its last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" .\t")]
    lines = [line for line in lines if not line.startswith("Running entrypoint ")]
    return (lines[-1] if lines else "nothing")[:300]


def _words(problem: Exception) -> str:
    return str(getattr(problem, "strerror", None) or problem or type(problem).__name__)
