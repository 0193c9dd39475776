"""How the conformance kit works with an engine: what an author replaces where theirs is unlike others.

The first half every engine needs; most get along with what is here, if their work runs on this machine. Each method of the second
half is for those who claim the capability that it names, and is replaced by nobody else.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.exchange import EngineContext, Launch, Node, Seen
from shanyrak.records import Engine
from shanyrak.testing.harness import Harness, deadline, eventually

if TYPE_CHECKING:
    from shanyrak.api import Engine as EngineProtocol

WORK = """
import fcntl, json, os, signal, subprocess, sys, time
folder, name, branch = sys.argv[1:4]
name = name.replace("{task}", os.environ.get("SHANYRAK_TASK", ""))
path = os.path.join(folder, name)
life = os.open(f"{path}.life-{branch}-{os.getpid()}-{time.time_ns()}", os.O_RDWR | os.O_CREAT, 0o666)
fcntl.flock(life, fcntl.LOCK_EX)
def told(what):
    try:
        os.rename(f"{path}.{what}", f"{path}.{what}-done")
    except OSError:
        return ""
    return open(f"{path}.{what}-done").read()
if branch == "trunk":
    with open(path + ".starts", "a") as starts:
        starts.write("start\\n")
    with open(path + ".env", "w") as env:
        json.dump(dict(os.environ), env)
    print("stdout of " + name, flush=True)
    print("stderr of " + name, file=sys.stderr, flush=True)
    if len(sys.argv) > 4:
        fork = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
        subprocess.run([sys.executable, "-c", fork, sys.executable, "-c", sys.argv[4], folder, name, "branch"])
while branch != "trunk":
    if os.path.exists(path + ".prune"):
        sys.exit()
    time.sleep(0.02)
while not os.path.exists(path + ".end"):
    print(told("say"), end="", flush=True)
    size = told("eat")
    eaten = b"x" * int(size) if size else b""
    while eaten and not os.path.exists(path + ".end"):
        time.sleep(0.02)
    time.sleep(0.02)
code = int(open(path + ".end").read())
with open(path + ".over", "w") as over:
    over.write(str(int(time.time() * 1000)))
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
    time.sleep(10)
sys.exit(code)
"""
"""What the kit runs under real engines: it notes its start, holds a lock while it lives, prints, and goes on until a file says with
which exit code to end (negative: by which signal). With a fifth argument it has a child that got away: double forked, in a session
of its own, which does not end with it; when a test is over a file ends what an engine left of those."""


class EngineHarness(Harness):
    """For engines whose work runs on this machine. Others replace `launch`, `let` and what tells of them."""

    record: Engine
    work: Path
    engines: list[EngineProtocol]
    tokens: list[str]
    nodes: tuple[Node, ...] = (Node("node-0", 4, 4, 4 << 30),)
    """What an engine is made with; work is launched on the first."""
    knows_ends: bool = False
    """Whether it knows how work ended while what is behind it is dead or hangs; nothing new can begin then all the same."""

    def __init__(self, record: Engine, plugin: str, folder: Path, settings: Any = None) -> None:
        super().__init__(record, plugin, folder, settings)
        self.work = folder / "work"
        self.work.mkdir()
        self.engines, self.tokens = [], []

    def make(self, **changes: Any) -> EngineProtocol:
        """An engine over the harness's one folder; called again, another object over the same.

        `changes` are fields of its `EngineContext`: `unit="gpu"` where `gpus` or `accounting` are tried.
        """
        home = self.folder / "engine"
        home.mkdir(mode=0o700, exist_ok=True)
        fields: dict[str, Any] = {"nodes": self.nodes, "unit": "cpu", **changes}
        made: EngineProtocol = self.target()(EngineContext("pool", str(home), self.settings, **fields))
        self.engines.append(made)
        return made

    def command(self, name: str, *, tree: bool = False) -> tuple[str, ...]:
        """The command of work called `name`, which is its token where the kit itself launches it. In a name, `{task}` stands for
        the number in SHANYRAK_TASK: then the tasks of an array have the same command."""
        return (sys.executable, "-c", WORK, str(self.work), name, "trunk", *([WORK] if tree else []))

    def launch(self, token: str, *, tree: bool = False, **changes: Any) -> Launch:
        """Work that runs until `let`; with `tree`, as a process and a child of it that got away: double forked, in a session of
        its own. `changes` are fields of the `Launch`."""
        self.tokens.append(token)
        fields: dict[str, Any] = {
            "workload": 1, "task": 0, "bundle": token, "argv": self.command(token, tree=tree),
            "env": {"PATH": os.environ.get("PATH", "")}, "secrets": {}, "cwd": str(self.work), "outputs": (),
            "nodes": ((self.nodes[0].name, 1),), "unit": "cpu", "cpus": 1, "memory": 1 << 30, "walltime_ms": 600_000,
            "user": pwd.getpwuid(os.geteuid()).pw_name, **changes,
        }  # fmt: skip
        return Launch(token, **fields)

    def let(self, engine: EngineProtocol, token: str, exit_code: int = 0) -> None:
        """The work ends now, with this exit code; negative, for those who claim `signals`: by that signal."""
        self._tell(token, "end", str(exit_code))

    def begun(self, engine: EngineProtocol, token: str) -> int:
        """How often work really started under the token, waited for until it did once."""
        path = self.work / f"{token}.starts"
        eventually(lambda: path.exists() and path.read_text(), f"{token} starts")
        return len(path.read_text().splitlines())

    def never_begun(self, engine: EngineProtocol, token: str) -> bool:
        """Whether nothing ever started under the token."""
        return not (self.work / f"{token}.starts").exists()

    def over_ms(self, engine: EngineProtocol, token: str) -> int:
        """When the work really ended, by the wall clock, waited for."""
        path = self.work / f"{token}.over"
        eventually(lambda: path.exists() and path.read_text(), f"{token} ends")
        return int(path.read_text())

    def text(self, token: str, stream: str) -> bytes:
        """What the work prints to `stdout` or `stderr` at its start."""
        return f"{stream} of {token}\n".encode()

    def processes(self, token: str) -> int:
        """How many processes of the work live, wherever they got away to."""
        return sum(map(_locked, self.work.glob(f"{token}.life-*")))

    def lives(self, engine: EngineProtocol, token: str) -> int:
        """How many runs of the work live: more than one is what must never be."""
        return sum(map(_locked, self.work.glob(f"{token}.life-trunk-*")))

    def environment(self, engine: EngineProtocol, token: str) -> dict[str, str]:
        """What the work sees as its environment, waited for."""
        path = self.work / f"{token}.env"
        eventually(lambda: path.exists() and path.read_text().endswith("}"), f"{token} writes what it sees")
        seen: dict[str, str] = json.loads(path.read_text())
        return seen

    def pass_time(self, seconds: float) -> None:
        """Time passes, on the engine's clock."""
        time.sleep(seconds)

    def ended(self, engine: EngineProtocol, token: str) -> Seen:
        """What is seen of the token once the engine says that it neither waits nor runs any more."""
        until = deadline()
        while (seen := engine.observe([token])[0]).state in ("pending", "running", "unknown"):
            assert time.monotonic() < until, f"it goes on: {seen}"
            engine.wait(0.1)
        return seen

    def close(self) -> None:
        for token in self.tokens:
            self._tell(token, "prune", "")
        if self.engines:
            engine = self.engines[-1]
            engine.stop(self.tokens)
            for token in self.tokens:
                self.ended(engine, token)
        for engine in self.engines:
            engine.close()

    # ---- for what is claimed ----------------------------------------------------------------------------------

    def facility(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """`sites`: one pool on the engine as `[[pools]]` of commons.toml takes it, and the table `[plugins.NAME]`.

        It has four CPU slots. Work of the site runs `command`, as the user of this process.
        """
        pool = {
            "name": "pool",
            "engine": self.record.name,
            "unit": "cpu",
            "nodes": 1,
            "units": 4,
            "cpus": 4,
            "memory": "8G",
        }
        return pool, {}

    def say(self, engine: EngineProtocol, token: str, text: str) -> None:
        """`tail`: the work prints this to stdout now."""
        self._tell(token, "say", text)

    def eat(self, engine: EngineProtocol, token: str, size: int) -> None:
        """`memory`: the work takes so many bytes of memory now, and goes on."""
        self._tell(token, "eat", str(size))

    def devices(self, engine: EngineProtocol, token: str) -> set[str]:
        """`gpus`: the GPUs of its node that the work was given, each by a name that no other has."""
        return set(filter(None, self.environment(engine, token)["CUDA_VISIBLE_DEVICES"].split(",")))

    def reuse(self, engine: EngineProtocol, token: str) -> Callable[[], bool]:
        """`reuse`: the engine's own number of the attempt (a pid, a job's id), which has ended, is given to foreign work; gives
        whether that lives."""
        raise NotImplementedError("a plugin that claims `reuse` says how")

    def kill_daemon(self, engine: EngineProtocol) -> None:
        """`daemon`: what stands behind the engine (a controller, a head, a keeper) dies, as by `kill -9`. Work may go on."""
        raise NotImplementedError("a plugin that claims `daemon` says how")

    def begin_daemon(self, engine: EngineProtocol) -> None:
        """`daemon`: it is begun anew, as its site would, with what it kept on disk; returns when it can be asked. Not called where
        it was never killed."""
        raise NotImplementedError("a plugin that claims `daemon` says how")

    def safe(self, engine: EngineProtocol) -> None:
        """`survives`: waits until what was accepted would outlast the death of what stands behind the engine."""

    def hang_daemon(self, engine: EngineProtocol) -> None:
        """`hang`: it lives and answers nothing from now on, as by SIGSTOP."""
        raise NotImplementedError("a plugin that claims `hang` says how")

    def resume_daemon(self, engine: EngineProtocol) -> None:
        """`hang`: it goes on where it stopped."""
        raise NotImplementedError("a plugin that claims `hang` says how")

    def fill(self, engine: EngineProtocol) -> Callable[[], None]:
        """`pending`: from now on the engine has no room, by work that is not ours: what is launched next is accepted and waits.
        Gives what makes the room again."""
        raise NotImplementedError("a plugin that claims `pending` says how")

    def kill_node(self, engine: EngineProtocol, token: str) -> str:
        """`nodes`: the node that the work runs on dies with it. Gives the node's name when it stays down until `begin_node`,
        empty when it is up again at once."""
        raise NotImplementedError("a plugin that claims `nodes` says how")

    def begin_node(self, engine: EngineProtocol, name: str) -> None:
        """`nodes`: that node comes back."""
        raise NotImplementedError("a plugin that claims `nodes` says how")

    def users(self) -> tuple[str, str]:
        """`users`: two users of the operating system, neither of them privileged, who may run work."""
        raise NotImplementedError("a plugin that claims `users` says how")

    def runs_as(self, engine: EngineProtocol, token: str) -> str:
        """`users`: the owner of the processes of the work, waited for."""
        lives = f"{token}.life-trunk-*"
        eventually(lambda: list(self.work.glob(lives)), f"{token} starts")
        return next(self.work.glob(lives)).owner()

    def meddle(self, engine: EngineProtocol, token: str, user: str) -> None:
        """`users`: that user does what can be done by that user to end the work: the engine's own command, a signal."""
        raise NotImplementedError("a plugin that claims `users` says how")

    def accounted(self, engine: EngineProtocol, token: str) -> tuple[int, int]:
        """`accounting`: what the engine's own account says of the attempt, which has ended: (units, ms), waited for."""
        raise NotImplementedError("a plugin that claims `accounting` says how")

    # ---- within -----------------------------------------------------------------------------------------------

    def _tell(self, name: str, what: str, text: str) -> None:
        """Tell work something through a file, which is whole as soon as it is there."""
        part = self.work / f"{name}.{what}-part"
        part.write_text(text)
        part.rename(self.work / f"{name}.{what}")


def _locked(path: Path) -> bool:
    """Whether a process holds the lock on a file, on this machine or in any namespace of it."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
