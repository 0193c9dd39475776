"""Engines over real processes that are wrong where real ones may be: each is found, by the test that names it."""

from __future__ import annotations

from shanyrak.testing.distribution import write_plugin

RECORD = "PLUGIN = Plugin('bad', '2', 'Unsound.')"

ENGINES = """
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from shanyrak.api import EngineProblem, Launched, Seen
from shanyrak.testing import EngineHarness


class Files:
    # Each attempt is a folder, made before it starts; a shell beside it writes how it ended. It is sound but for what gets away
    # from its group of processes, which is left, and a command that is not there, which is an exit code of the shell.
    def __init__(self, context):
        self.context, self.folder, self.mine = context, Path(context.folder), set()
    def reach(self):
        if (self.folder / "away").exists():
            raise EngineProblem("engine bad", "it is away")
    def nodes(self):
        self.reach()
        return self.context.nodes
    def launch(self, launches):
        self.reach()
        return [self.start(one) for one in launches]
    def start(self, launch):
        self.mine.add(launch.token)
        home = self.folder / launch.token
        if not (home / "stopped").exists() and self.new(home):
            home.mkdir(exist_ok=True)
            script = f'"$@"; echo $? $(date +%s%3N) > {home}/part; mv {home}/part {home}/end'
            done = subprocess.Popen(["sh", "-c", script, "sh", *launch.argv], env=self.environment(launch), cwd=launch.cwd,
                stdin=subprocess.DEVNULL, stdout=(home / "stdout").open("wb"), stderr=(home / "stderr").open("wb"),
                start_new_session=True)
            (home / "start").write_text(json.dumps([done.pid, round(time.time() * 1000)]))
        return Launched(launch.token, handle=launch.token)
    def new(self, home):
        return not (home / "start").exists()
    def environment(self, launch):
        return {**launch.env, **launch.secrets}
    def observe(self, tokens):
        self.reach()
        return [self.look(token) for token in tokens]
    def look(self, token):
        home = self.folder / token
        if not (home / "start").exists():
            return Seen(token, "absent", fenced=True)
        started = json.loads((home / "start").read_text())[1]
        if not (home / "end").exists():
            return Seen(token, "running", started_ms=started)
        code, ended = (home / "end").read_text().split()
        how = {"cause": "stopped"} if code == "stopped" else {"exit_code": int(code)}
        return Seen(token, "ended", started_ms=started, ended_ms=int(ended), ran_ms=int(ended) - started, fenced=True, **how)
    def stop(self, tokens):
        self.reach()
        for token in tokens:
            home = self.folder / token
            home.mkdir(exist_ok=True)
            (home / "stopped").touch()
            if (home / "start").exists() and not (home / "end").exists():
                pid, started = json.loads((home / "start").read_text())
                try:
                    os.killpg(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                (home / "end").write_text(f"stopped {round(time.time() * 1000)}")
    def forget(self, tokens):
        pass
    def logs(self, token, stream, offset, limit):
        return b""
    def wait(self, timeout_s):
        time.sleep(min(timeout_s, 0.05))
    def close(self):
        pass

class Twice(Files):
    "It does not look whether it has the token."
    def new(self, home):
        return True

class Own(Files):
    "It knows what this object launched, and nothing else."
    def observe(self, tokens):
        return [self.look(token) if token in self.mine else Seen(token, "absent") for token in tokens]

class Gone(Files):
    "What it cannot reach has gone."
    def observe(self, tokens):
        if (self.folder / "away").exists():
            return [Seen(token, "absent", fenced=True) for token in tokens]
        return super().observe(tokens)

class Hands(Files):
    "Work inherits what its controller has."
    def environment(self, launch):
        return {**os.environ, **super().environment(launch)}

class Notes(Files):
    "It keeps what it launched, secrets and all."
    def environment(self, launch):
        (self.folder / launch.token / "environment").write_text(repr(super().environment(launch)))
        return super().environment(launch)

class Harness(EngineHarness):
    def hang_daemon(self, engine):
        (engine.folder / "away").touch()
    def resume_daemon(self, engine):
        (engine.folder / "away").unlink()
"""

FAULTS = [
    ("twice", "a controller killed around a launch starts it once", "launch.after", "one was started 2 times"),
    ("own", "a controller killed around a launch starts it once", "settle.after", "one is lost/unfenced"),
    ("gone", "out of reach for minutes nothing is concluded", "hangs", "while nobody could say so"),
    ("files", "stop ends the whole tree", "", "processes(token) == 0"),
    ("files", "an end is the end of the whole tree", "", "processes(token) == 0"),
    ("files", "a command that is not there is the users fault", "", "cause"),
    ("hands", "work sees its environment and its secrets and nothing of ours", "", "SHANYRAK_KIT_LEAK"),
    ("notes", "work sees its environment and its secrets and nothing of ours", "", "secrets are written nowhere"),
]
SOUND = "work sees its environment and its secrets and nothing of ours"
CLAIMS = ("commands", "environment", "hang", "sites", "tree")


def test_each_is_found(bed):
    """With real processes, and where it takes that, whole sites with real controllers."""
    kinds = dict.fromkeys(name for name, *_ in FAULTS)
    records = ", ".join(
        f"EngineRecord('bad{name}', 'It.', 'x_engines:{name.title()}', {CLAIMS}, 'x_engines:Harness')" for name in kinds
    )
    hook = f"@hookimpl\ndef shanyrak_engines():\n    return [{records}]\n"
    write_plugin(bed.folder, "bad", hook, record=RECORD, more={"x_engines": ENGINES})
    (bed.folder / "conftest.py").write_text("import shanyrak.testing.harness as h\nh.PATIENCE_S = 60\n")
    chosen = [
        " and ".join(filter(None, (f"bad{name}", f"test_{test.replace(' ', '_')}", case)))
        for name, test, case, _ in (*FAULTS, ("files", SOUND, "", ""))
    ]
    found, printed = bed.kit("bad", "-p", "conftest", "-k", " or ".join(f"({one})" for one in chosen))
    for name, test, _, words in FAULTS:
        assert bed.outcomes(found, name, test) == {"failed"} and words in printed, f"{name}\n{printed}"
    assert bed.outcomes(found, "files", SOUND) == set(), printed
