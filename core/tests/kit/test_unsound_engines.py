"""Engines that are wrong where real ones may be: each is found, by the test that names it; one that is right passes them all."""

from __future__ import annotations

from shanyrak.testing.distribution import write_plugin

RECORD = "PLUGIN = Plugin('bad', '2', 'Unsound.')"
PATIENCE = "import shanyrak.testing.harness as h\nh.PATIENCE_S = {}\n"

ENGINES = """
import time
from dataclasses import replace

from shanyrak.api import EngineProblem
from shanyrak.exchange import Launched, Seen
from shanyrak.testing import FakeEngineHarness
from shanyrak.testing.fakes import FakeEngine, engine_for


class Whole(FakeEngine):
    "Sound: it knows sizes, leases GPUs, and keeps what work prints."
    away = False

    def prepare(self):
        self.leases, self.said, self.ghosts, self.foreign = {}, {}, [], set()

    def _launch(self, launch):
        if launch.token not in self.runs:
            for name, units in launch.nodes:
                if not self.fits(launch, self.machines[name], units):
                    return Launched(launch.token, refused="no node is as large", user_fault=True)
                if launch.unit == "gpu":
                    free = [n for n in range(self.machines[name].units) if n not in self.taken()]
                    if len(free) < units:
                        return Launched(launch.token, refused="no GPU is free")
                    self.leases[launch.token] = set(free[:units])
        return super()._launch(launch)

    def fits(self, launch, node, units):
        return units <= node.units and launch.cpus <= node.cpus and launch.memory <= node.memory

    def taken(self):
        return {n for token, held in self.leases.items() if token in self.live() for n in held}

    def logs(self, token, stream, offset, limit):
        text = f"{stream} of {token}\\n" + self.said.get(token, "")
        return text.encode()[offset:][:limit]

    def may_end(self, token, user):
        return self.runs[token].launch.user == user

    def runs_as(self, token):
        return self.runs[token].launch.user

    def die(self):
        pass


class Herd(Whole):
    def stop(self, tokens):
        bundles = {self.runs[token].launch.bundle for token in tokens if token in self.runs}
        super().stop([*tokens, *(token for token, run in self.runs.items() if run.launch.bundle in bundles)])

class Once(Whole):
    "It takes a bundle for known when it knows one task of it."
    def launch(self, launches):
        known = {run.launch.bundle for run in self.runs.values()}
        return [Launched(one.token, handle=f"h-{one.token}") for one in launches if one.bundle in known] + list(
            super().launch([one for one in launches if one.bundle not in known]))

class Tries(Whole):
    "It takes the second try of a task for the first."
    def _launch(self, launch):
        first = launch.token.rpartition(".")[0] + ".1"
        if first in self.runs and launch.token != first:
            return Launched(launch.token, handle=f"h-{first}")
        return super()._launch(launch)

class Shell(Whole):
    def finish(self, token, **more):
        if more.get("signal") and not more.get("cause"):
            more = {"exit_code": 128 + more["signal"]}
        super().finish(token, **more)

class Killer(Whole):
    "It ends what takes too much memory, and does not say why."
    def finish(self, token, **more):
        super().finish(token, **({"signal": 9} if more.get("cause") == "memory" else more))

class Spared(Whole):
    "It ends everything when one takes too much."
    def finish(self, token, **more):
        for other in self.live() if more.get("cause") == "memory" else [token]:
            super().finish(other, **more)

class Blames(Whole):
    "A node that died is an exit code of the work's."
    def finish(self, token, **more):
        super().finish(token, **({"exit_code": 1} if more.get("cause") == "node" else more))

class Rosy(Whole):
    def nodes(self):
        return [replace(node, up=True, reason="") for node in super().nodes()]

class Counts(Whole):
    def _observe(self, token):
        seen = super()._observe(token)
        return replace(seen, ran_ms=seen.ran_ms + 5_000) if seen.state == "ended" else seen

class Giant(Whole):
    def fits(self, launch, node, units):
        return True

class Later(Whole):
    "It refuses, as if it could start some day."
    def _launch(self, launch):
        return replace(super()._launch(launch), user_fault=False)

class Wordless(Whole):
    def _observe(self, token):
        return replace(super()._observe(token), words="")

class Pushy(Whole):
    "What waits starts with the next controller."
    def close(self):
        for token, run in self.runs.items():
            if run.seen.state == "pending":
                self.begin(token)

class Stubborn(Whole):
    "What waits cannot be stopped."
    def _stop(self, token):
        if token not in self.runs or self.runs[token].seen.state != "pending":
            super()._stop(token)

class Shares(Whole):
    def taken(self):
        return set()

class Leaks(Whole):
    def taken(self):
        return {n for held in self.leases.values() for n in held}

class Doubles(Whole):
    "It forgets what runs when it dies, and starts it again."
    def die(self):
        self.ghosts += self.live()
        self.runs.clear()

class Mistakes(Whole):
    "It loses what it accepted, and takes the next work for it."
    lost = frozenset()
    def die(self):
        self.lost = frozenset(self.live())
        self.runs.clear()
    def _launch(self, launch):
        return Launched(launch.token, handle="1") if launch.token in self.lost else super()._launch(launch)
    def _observe(self, token):
        other = next(iter(self.runs), token)
        return replace(super()._observe(other), token=token) if token in self.lost else super()._observe(token)

class Gives(Whole):
    "What it cannot see has gone."
    def observe(self, tokens):
        return [Seen(token, "absent", fenced=True) for token in tokens] if self.away else super().observe(tokens)

class Drops(Whole):
    "What ran has ended when it comes back."
    def die(self):
        for token in self.live():
            self.finish(token, cause="node")

class Repeats(Whole):
    "What was asked for while it hung is started, and started again when it is asked again."
    def launch(self, launches):
        if self.away:
            self.starts += [one.token for one in launches]
        return super().launch(launches)

class Stuck(Whole):
    def observe(self, tokens):
        if self.away:
            time.sleep(600)
        return super().observe(tokens)

class Sulks(Whole):
    "A stop that it could not take it never takes."
    sulking = ()
    def stop(self, tokens):
        self.sulking = tokens if self.away else self.sulking
        super().stop([token for token in tokens if token not in self.sulking])

class Open(Whole):
    def may_end(self, token, user):
        return True

class Same(Whole):
    def runs_as(self, token):
        return "ann"

class Orphans(Whole):
    "What it launched ends with it."
    def close(self):
        for token in self.live():
            self.finish(token, cause="node")

class Revises(Whole):
    "What was stopped was stopped, also after its end."
    def _stop(self, token):
        super()._stop(token)
        run = self.runs.get(token)
        if run:
            run.seen = replace(run.seen, cause="stopped", exit_code=None)

class Overtime(Whole):
    "It ends work at its walltime, as if somebody had killed it."
    @staticmethod
    def _ended(run, ran, **more):
        return FakeEngine._ended(run, ran, **({"signal": 9} if more.get("cause") == "walltime" else more))

class Forgets(Whole):
    "Who has which GPU it knows until its next object."
    def close(self):
        self.leases.clear()

class Confused(Whole):
    "A number is a number."
    def _observe(self, token):
        return Seen(token, "running", started_ms=1) if token in self.foreign else super()._observe(token)
    def stop(self, tokens):
        self.foreign.clear()
        super().stop(tokens)

class Sweeps(Whole):
    def _stop(self, token):
        self.foreign.discard(token)
        super()._stop(token)

class Head(Whole):
    "It reads from the start only."
    def logs(self, token, stream, offset, limit):
        return super().logs(token, stream, max(0, offset), limit)

class Shreds(Whole):
    def logs(self, token, stream, offset, limit):
        return b"" if token in self.forgotten else super().logs(token, stream, offset, limit)

class Tape(Whole):
    "What work prints can be read when it has ended."
    def logs(self, token, stream, offset, limit):
        return b"" if token in self.live() else super().logs(token, stream, offset, limit)


class Harness(FakeEngineHarness):
    def make(self, **changes):
        made = super().make(**changes)
        if made.__class__ is FakeEngine:
            made.__class__ = next(kind for kind in [Whole, *Whole.__subclasses__()] if kind.__name__.lower() == self.kind())
            made.prepare()
        return made
    def kind(self):
        return self.record.name.removeprefix("bad")
    def let(self, engine, token, exit_code=0):
        if token in engine.live():
            super().let(engine, token, exit_code)
    def lives(self, engine, token):
        return super().lives(engine, token) + engine.ghosts.count(token)
    def say(self, engine, token, text):
        engine.said[token] = text
    def reuse(self, engine, token):
        engine.foreign.add(token)
        return lambda: token in engine.foreign
    def devices(self, engine, token):
        return set(map(str, engine.leases[token]))
    def kill_daemon(self, engine):
        engine.die()
        engine.away = True
        super().kill_daemon(engine)
    def begin_daemon(self, engine):
        engine.away = False
        super().begin_daemon(engine)
    def hang_daemon(self, engine):
        engine.away = True
        super().hang_daemon(engine)
    def resume_daemon(self, engine):
        engine.away = False
        super().resume_daemon(engine)
    def fill(self, engine):
        engine.pend("foreign work has it all")
        def room():
            engine.pend("")
            for token, run in engine.runs.items():
                if run.seen.state == "pending":
                    engine.begin(token)
        return room
    def users(self):
        return "ann", "bob"
    def runs_as(self, engine, token):
        return engine.runs_as(token)
    def meddle(self, engine, token, user):
        if engine.may_end(token, user):
            engine.finish(token, cause="stopped")
    def accounted(self, engine, token):
        run = engine.runs[token]
        return sum(units for _, units in run.launch.nodes), run.seen.ended_ms - run.seen.started_ms
"""

CLAIMS = (
    "accounting", "arrays", "daemon", "gpus", "hang", "logs", "memory", "nodes", "pending", "reuse", "signals", "sizes", "survives",
    "tail", "users", "walltime",
)  # fmt: skip

FAULTS = {
    "herd": "tasks launched together are told apart",
    "once": "a bundle that comes in parts starts each task once",
    "tries": "a task that is tried again is another attempt",
    "shell": "a signal is told from an exit code",
    "killer": "work that takes too much memory is ended and told",
    "spared": "work that takes too much memory is ended and told",
    "blames": "the death of a node is told",
    "rosy": "the death of a node is told",
    "counts": "its durations are those of its own account",
    "giant": "what can never fit is refused at once",
    "later": "what can never fit is refused at once",
    "wordless": "what waits says so and is found again",
    "pushy": "what waits says so and is found again",
    "stubborn": "what waits can be stopped and never starts",
    "shares": "each has gpus of its own and they are free afterwards",
    "leaks": "each has gpus of its own and they are free afterwards",
    "doubles": "it is killed after it accepted work",
    "mistakes": "it is killed after it accepted work",
    "gives": "it hangs and nothing is concluded",
    "repeats": "it hangs and nothing is concluded",
    "stuck": "it hangs and nothing is concluded",
    "sulks": "a stop that was asked of it while it hung is not lost",
    "drops": "work goes on while it is dead",
    "open": "users cannot touch the work of others",
    "same": "users cannot touch the work of others",
    "tape": "what work prints can be read while it runs",
    "orphans": "what runs outlives the object and its end is known",
    "revises": "what ended first wins over a stop",
    "overtime": "work ends at its walltime",
    "forgets": "each has gpus of its own and they are free afterwards",
    "confused": "foreign work under the same number is left alone",
    "sweeps": "foreign work under the same number is left alone",
    "head": "logs are kept from any place",
    "shreds": "logs are kept from any place",
}


def selected(faults):
    """A pytest expression for the test that each is caught by."""
    return " or ".join(f"(test_{test.replace(' ', '_')} and bad{name})" for name, test in faults.items())


def test_each_is_found(bed):
    records = ", ".join(
        f"EngineRecord('bad{name}', 'It.', 'shanyrak.testing.fakes:engine_for', {CLAIMS}, 'x_engines:Harness')"
        for name in ("whole", *FAULTS)
    )
    hook = f"@hookimpl\ndef shanyrak_engines():\n    return [{records}]\n"
    write_plugin(bed.folder, "bad", hook, record=RECORD, more={"x_engines": ENGINES})
    (bed.folder / "conftest.py").write_text(PATIENCE.format(0.5))
    whole = {f"badwhole and test_{test.replace(' ', '_')}" for test in FAULTS.values()}
    expression = f"{selected(FAULTS)} or {' or '.join(f'({one})' for one in sorted(whole))}"
    found, printed = bed.kit("bad", "-p", "conftest", "-k", expression)
    for name, test in FAULTS.items():
        assert "failed" in bed.outcomes(found, name, test), f"{name}\n{printed}"
        assert bed.outcomes(found, "whole", test) == set(), f"{test}\n{printed}"
