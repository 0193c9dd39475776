"""What the records of this plugin name. Never edited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict, Field
from shanyrak.api import EngineContext, Launch, Launched, Node, Params, Seen, ServiceContext, Stages, View

SEEN: list[str] = []


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: int = Field(default=1, ge=1, description="Nodes when none are declared.")


@click.command()
def command() -> None:
    """Say which API this was written for."""
    click.echo("API 1")


class Silent:
    """The measuring object of a time in which nobody measured."""

    def __init__(self, context: object) -> None:
        self.context = context


def service(context: ServiceContext) -> None:
    """Nothing to do."""


def stages(view: View, params: Params) -> Stages:
    return Stages(keys=(view.job_limit,), pack="easy", depth=int(params.get("depth", 1)))


class Programs:
    """Runs each attempt as a process; a shell beside it writes how it ended."""

    def __init__(self, context: EngineContext) -> None:
        self.context, self.folder = context, Path(context.folder)

    def nodes(self) -> Sequence[Node]:
        return self.context.nodes or [Node(f"n{n}", 4, 4, 1 << 32) for n in range(self.context.settings.nodes)]

    def launch(self, launches: Sequence[Launch]) -> Sequence[Launched]:
        return [self._launch(launch) for launch in launches]

    def _launch(self, launch: Launch) -> Launched:
        home = self.folder / launch.token
        if (home / "fenced").exists():
            return Launched(launch.token, refused="it was stopped before")
        if not (home / "start").exists():
            if 0 < launch.not_after_ms < time.monotonic() * 1000:
                return Launched(launch.token, refused="too late")
            home.mkdir()
            script = '"$@"; echo $? $(date +%s%3N) > end.part; mv end.part end'
            done = subprocess.Popen(
                ["sh", "-c", f"cd {home}; {script}", "sh", *launch.argv],
                env={**launch.env, **launch.secrets},
                stdin=subprocess.DEVNULL,
                stdout=(home / "stdout").open("wb"),
                stderr=(home / "stderr").open("wb"),
                start_new_session=True,
            )
            (home / "start").write_text(json.dumps([done.pid, round(time.time() * 1000)]))
        return Launched(launch.token, handle=str(json.loads((home / "start").read_text())[0]))

    def observe(self, tokens: Sequence[str]) -> Sequence[Seen]:
        return [self._observe(token) for token in tokens]

    def _observe(self, token: str) -> Seen:
        home = self.folder / token
        if not (home / "start").exists():
            return Seen(token, "absent", fenced=True)
        started = json.loads((home / "start").read_text())[1]
        if not (home / "end").exists():
            return Seen(token, "running", started_ms=started)
        code, ended = (home / "end").read_text().split()[:2]
        cause = "stopped" if code == "stopped" else ""
        return Seen(
            token, "ended", started_ms=started, ended_ms=max(int(ended), started), ran_ms=max(0, int(ended) - started),
            exit_code=None if cause else int(code), signal=15 if cause else 0, cause=cause, fenced=True,
        )  # fmt: skip

    def stop(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            home = self.folder / token
            if not (home / "start").exists():
                home.mkdir(exist_ok=True)
                (home / "fenced").touch()
            elif not (home / "end").exists():
                os.killpg(json.loads((home / "start").read_text())[0], signal.SIGKILL)
                (home / "end").write_text(f"stopped {round(time.time() * 1000)}")

    def forget(self, tokens: Sequence[str]) -> None:
        pass

    def logs(self, token: str, stream: str, offset: int, limit: int) -> bytes:
        text = (self.folder / token / stream).read_bytes()
        return text[offset:][:limit]

    def wait(self, timeout_s: float) -> None:
        time.sleep(min(timeout_s, 0.05))

    def close(self) -> None:
        pass


engine = Programs
