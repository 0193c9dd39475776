"""A player of what a real Ray answered, the program of the nodes without any Ray, and a real head where one is installed."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import EngineContext, Launch, Node, Seen, UnfitProblem
from shanyrak_ray import program
from shanyrak_ray.engine import RayEngine, make
from shanyrak_ray.head import Node as RayNode
from shanyrak_ray.settings import Settings
from shanyrak_ray.trial import cluster
from shanyrak_ray.watch import Watch

RECORDED = Path(__file__).parent / "recorded"
PATIENCE = 300.0


class Player:
    """Answers as a real Ray did: `play` says with which recording a question is answered, `asked` what was asked.

    It knows no job of which nothing was played.
    """

    def __init__(self, spool: str) -> None:
        self.spool, self.closed = spool, False
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[tuple[str, str], list[tuple[int, str]]] = {}
        player = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                if player.closed:
                    self.close_connection = True
                    return
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                player.asked.append((self.command, self.path, body))
                path = self.path.partition("?")[0]
                queue = player.answers.get((self.command, path), [player.recorded("unknown")])
                status, text = queue.pop(0) if len(queue) > 1 else queue[0]
                data = text.replace("Job s1.1.0.1 does", f"Job {path.rpartition('/')[2]} does").encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.play("GET", "/api/v0/nodes", "nodes")
        self.play("GET", "/api/version", "version")
        self.play("POST", "/api/jobs/", "submitted")
        self.play("GET", "/api/jobs/", "jobs")

    def play(self, method: str, path: str, *names: str) -> None:
        """Answer with these recordings one after another, the last for ever."""
        self.answers[method, path] = [self.recorded(name) for name in names]

    def say(self, method: str, path: str, status: int, text: str) -> None:
        """Answer what no Ray answered."""
        self.answers[method, path] = [(status, text)]

    def recorded(self, name: str) -> tuple[int, str]:
        found = json.loads((RECORDED / f"{name}.json").read_text())
        return found["status"], found["text"].replace('"SPOOL"', json.dumps(self.spool))

    def posts(self) -> list[Any]:
        """The bodies of all submissions."""
        return [body for method, path, body in self.asked if (method, path) == ("POST", "/api/jobs/")]

    def close(self) -> None:
        self.closed = True
        self.server.shutdown()
        self.server.server_close()


class Lab:
    """An engine with its folder, and the program of the nodes, run as Ray would."""

    def __init__(self, folder: Path, url: str, **settings: Any) -> None:
        self.folder = folder / "engine"
        self.settings = Settings(address=url, grace=1.0, timeout=60.0, **settings)
        self.engines: list[RayEngine] = []
        self.fronts: list[subprocess.Popen[str]] = []
        self.engine = self.make()
        self.program = program.place(self.folder)

    def make(self, **changes: Any) -> RayEngine:
        fields: dict[str, Any] = {"nodes": (Node("gpu-0", 16, 16, 16 << 30),), "unit": "gpu", **changes}
        self.engines.append(make(EngineContext("gpu", str(self.folder), self.settings, **fields)))
        return self.engines[-1]

    def build(self, token: str, *argv: str, **changes: Any) -> Launch:
        fields: dict[str, Any] = {
            "workload": 7, "task": 3, "bundle": "", "argv": argv, "env": {"PATH": "/usr/bin:/bin"}, "secrets": {},
            "cwd": str(self.folder), "outputs": (), "nodes": (("gpu-0", 2),), "unit": "gpu", "cpus": 1, "memory": 1 << 30,
            "walltime_ms": 0, "user": pwd.getpwuid(os.getuid()).pw_name, **changes,
        }  # fmt: skip
        return Launch(token, **fields)

    def front(self, token: str, **environment: str) -> subprocess.Popen[str]:
        """What Ray does once it has room: run the command line it was given."""
        words = [sys.executable, "-I", "-S", str(self.program), str(self.folder), token]
        env = {"CUDA_VISIBLE_DEVICES": "3,5", "RAY_LEAK": "x", "PATH": "/usr/bin:/bin", **environment}
        self.fronts.append(
            subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return self.fronts[-1]

    def run(self, token: str, *argv: str, **changes: Any) -> Seen:
        """Launch work and have a node run it to its end."""
        (answer,) = self.engine.launch([self.build(token, *argv, **changes)])
        assert not answer.refused, answer
        self.front(token).wait(PATIENCE)
        return self.see(token)

    def see(self, token: str) -> Seen:
        return self.engine.observe([token])[0]

    def out(self, token: str, stream: str = "stdout") -> str:
        return self.engine.logs(token, stream, 0, 1 << 30).decode()

    def keeper(self, token: str) -> int:
        """The pid of what keeps it."""
        watch = Watch(self.folder, 60)
        claim = watch.claim(watch.home(token))
        assert claim is not None and claim["by"] == "node"
        return int(claim["pid"])

    def close(self) -> None:
        tokens = [path.name for path in self.folder.glob("jobs/*/*")]
        self.engine.stop(tokens)
        for front in self.fronts:
            if front.poll() is None:
                front.terminate()
                front.wait(PATIENCE)
            if front.stdout:
                front.stdout.close()
        for engine in self.engines:
            engine.close()


def eventually(check: Callable[[], object], what: str) -> None:
    """Wait until a check holds."""
    until = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.02)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], str], None]:
    return eventually


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    made = Player(str(tmp_path / "engine"))
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path: Path, player: Player) -> Iterator[Lab]:
    made = Lab(tmp_path, player.url)
    yield made
    made.close()


def real() -> Iterator[RayNode]:
    try:
        with cluster() as node:
            yield node
    except UnfitProblem as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def head() -> Iterator[RayNode]:
    """One real head for all tests of a process that do not kill it."""
    yield from real()


@pytest.fixture
def mortal() -> Iterator[RayNode]:
    """A real head of a test's own, to be killed."""
    yield from real()


@pytest.fixture
def real_lab(tmp_path: Path) -> Iterator[Callable[[RayNode], Lab]]:
    """An engine over a real head."""
    labs: list[Lab] = []

    def create(node: RayNode) -> Lab:
        token = tmp_path / "token"
        token.touch(mode=0o600)
        token.write_text(node.token)
        labs.append(Lab(tmp_path, node.url, token_file=str(token)))
        return labs[-1]

    yield create
    for made in labs:
        made.close()
