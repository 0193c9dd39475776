"""What is unsound is found, by the test that names it."""

from __future__ import annotations

import pytest
from shanyrak.testing.distribution import write_plugin


def only(faults):
    """A pytest expression for the test that each is caught by."""
    names = [(name if isinstance(name, str) else name[0], test.replace(" ", "_")) for name, test in faults.items()]
    return " or ".join(f"({test} and {name})" for name, test in names)


ENGINES = """
from shanyrak.exchange import Launched
from shanyrak.testing.fakes import FakeEngine, VirtualClock, engine_for


def over(context, kind):
    made = engine_for(context)
    made.__class__ = kind
    return made


class Twice(FakeEngine):
    def _launch(self, launch):
        self.runs.pop(launch.token, None)
        return super()._launch(launch)

class Deaf(FakeEngine):
    def stop(self, tokens):
        pass

class Shuffled(FakeEngine):
    def observe(self, tokens):
        return super().observe(tokens)[::-1]

class Eager(FakeEngine):
    def _stop(self, token):
        if token in self.runs:
            super()._stop(token)

class Late(FakeEngine):
    def _launch(self, launch):
        from dataclasses import replace
        return super()._launch(replace(launch, not_after_ms=0))

class Kind(FakeEngine):
    def finish(self, token, **more):
        super().finish(token, **{**more, "exit_code": 0})

class Mute(FakeEngine):
    def launch(self, launches):
        return super().launch(launches)[:1]

class Tired(FakeEngine):
    def forget(self, tokens):
        for token in tokens:
            del self.runs[token]

class Seer(FakeEngine):
    def _observe(self, token):
        from dataclasses import replace
        seen = super()._observe(token)
        return replace(seen, ended_ms=self.clock.wall) if seen.state == "ended" else seen

def forgetful(context):
    return FakeEngine(context.nodes, VirtualClock())

def __getattr__(name):
    kind = {"twice": Twice, "deaf": Deaf, "shuffled": Shuffled, "eager": Eager, "late": Late, "kind": Kind, "mute": Mute,
            "tired": Tired, "seer": Seer}[name]
    return lambda context: over(context, kind)
"""

ENGINE_FAULTS = {
    "twice": "launch is idempotent by token",
    "deaf": "stop ends by token and leaves the others",
    "shuffled": "observe answers in the order asked for unknown tokens too",
    "eager": "a token that was stopped before its launch is fenced",
    "late": "a launch that comes too late starts nothing",
    "kind": "what is launched runs and ends with its exit code",
    "mute": "one call launches many and answers for each",
    "tired": "forget drops results and is harmless",
    "seer": "the end is when it ended not when somebody looked",
    "forgetful": "a lost reply is adopted",
}


def test_engines(bed):
    records = ", ".join(
        f"EngineRecord({name!r}, 'Unsound.', 'x_engines:{name}', ('times',), 'shanyrak.testing:FakeEngineHarness')"
        for name in ENGINE_FAULTS
    )
    hook = f"@hookimpl\ndef shanyrak_engines():\n    return [{records}]\n"
    record = "PLUGIN = Plugin('bad', '2', 'Unsound.')"
    write_plugin(bed.folder, "bad", hook, record=record, more={"x_engines": ENGINES})
    # An engine whose stop does nothing is never done: the harness does not wait for it for long.
    (bed.folder / "conftest.py").write_text("import shanyrak.testing.harness as h\nh.PATIENCE_S = 1.0\n")
    found, printed = bed.kit("bad", "-p", "conftest", "-k", only(ENGINE_FAULTS))
    for name, test in ENGINE_FAULTS.items():
        assert found.get(f"engine: {test} [{name}]") == "failed", f"{name}\n{printed}"


STORES = """
from contextlib import contextmanager
from shanyrak.journal.sqlite import SqliteRows, SqliteStore
from pathlib import Path

def of(kind):
    def made(context):
        path = Path(context.folder) / context.url.partition(":")[2]
        return kind(path, create=context.create, wait_s=context.wait_s)
    return made

class Half(SqliteStore):
    @contextmanager
    def write(self):
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield SqliteRows(self._db)
        finally:
            self._db.execute("COMMIT")

class Still(SqliteStore):
    def version(self):
        return 1

class Loose(SqliteStore):
    @contextmanager
    def read(self):
        yield SqliteRows(self._db)

half, still, loose = of(Half), of(Still), of(Loose)
"""

STORE_FAULTS = {
    "half": "a block that raises leaves nothing",
    "still": "the version tells of every commit",
    "loose": "a reader sees one moment",
}


def test_stores(bed):
    records = ", ".join(f"Store({name!r}, 'Unsound.', 'x_stores:{name}')" for name in STORE_FAULTS)
    hook = f"@hookimpl\ndef shanyrak_stores():\n    return [{records}]\n"
    write_plugin(bed.folder, "bad", hook, record="PLUGIN = Plugin('bad', '2', 'Unsound.')", more={"x_stores": STORES})
    found, printed = bed.kit("bad", "-k", only(STORE_FAULTS))
    for name, test in STORE_FAULTS.items():
        assert found.get(f"store: {test} [{name}]") == "failed", f"{name}\n{printed}"


POLICIES = """
import numpy as np
from shanyrak.api import Plan, Stages, as_decide

CALLS = []

def moody(view, params):
    CALLS.append(1)
    return Stages(keys=(view.job_id * (-1) ** len(CALLS),))

def vandal(view, params):
    view.job_limit[:] = 1000
    return Stages()

def calendar(view, params):
    return Stages(keys=(view.job_id * (-1) ** (view.now // 86_400_000),))

def lazy(view, params):
    return Stages(pack="strict", keys=(view.job_id,), cap=np.where(view.acc_parent < 0, -1, 0))

def greedy(view, params, carry):
    row = [i for i in range(len(view.job_id)) if view.job_tasks[i]][:1]
    plan = as_decide(lambda v, p: Stages())(view, params, carry)[0]
    for i in row:
        width = int(view.job_width[i])
        plan.start_job = np.array([view.job_id[i]])
        plan.start_count = np.array([1])
        plan.start_ptr = np.array([0, width])
        plan.start_nodes = np.zeros(width, np.int64)
    return plan, carry

def silent(view, params, carry):
    plan, carry = as_decide(lambda v, p: Stages())(view, params, carry)
    plan.wait_job = plan.wait_why = np.zeros(0, np.int64)
    return plan, carry

def hopper(view, params):
    return Stages(keys=(view.job_width * view.job_units * view.job_limit,))
"""

POLICY_FAULTS = {
    "moody": "the same view gives the same plan and is not written",
    "vandal": "the same view gives the same plan and is not written",
    "calendar": "all times moved move the plan",
    "lazy": "driven forward all work runs and no promise is broken",
    "greedy": "the referee accepts every plan and what waits has a reason",
    "silent": "the referee accepts every plan and what waits has a reason",
    "hopper": "the published schedule of fifo",
}


def test_policies(bed):
    records = ", ".join(
        f"Policy({name!r}, 'Unsound.', '1', {'decide' if name in ('greedy', 'silent') else 'stages'}='x_policies:{name}',"
        " capabilities=('fifo',))"
        for name in POLICY_FAULTS
    )
    hook = f"@hookimpl\ndef shanyrak_policies():\n    return [{records}]\n"
    write_plugin(
        bed.folder, "bad", hook, record="PLUGIN = Plugin('bad', '2', 'Unsound.')", more={"x_policies": POLICIES}
    )
    found, printed = bed.kit("bad", "-k", only(POLICY_FAULTS))
    for name, test in POLICY_FAULTS.items():
        assert found.get(f"policy: {test} [{name}]") == "failed", f"{name}\n{printed}"


METERS = """
import itertools
import json
from pathlib import Path
from shanyrak.api import Sample
from shanyrak.testing import MeterHarness

COUNT = itertools.count()

class Meter:
    def __init__(self, context):
        self.file = Path(context.folder) / "points"
    def points(self):
        return json.loads(self.file.read_text()) if self.file.exists() else [[0, 0], [1, 1]]
    def close(self):
        pass

class Restless(Meter):
    def read(self, stretches):
        return [Sample(s.token, next(COUNT), "measured", s.ran_ms, "w") for s in stretches]

class Guess(Meter):
    def read(self, stretches):
        return [Sample(s.token, 5, "guessed", s.ran_ms, "w") for s in stretches]

class Proud(Meter):
    def read(self, stretches):
        return [Sample(s.token, 5, "measured", s.ran_ms + 1, "w") for s in stretches]

class Ends(Meter):
    "What a naive meter does: the last value less the first."
    def read(self, stretches):
        points = self.points()
        if points:
            return [Sample(s.token, points[-1][1] - points[0][1], "measured", s.ran_ms, "w") for s in stretches]
        return []

class Sums(Meter):
    "And another one: the sum of all steps, repeats and resets too."
    def read(self, stretches):
        steps = [abs(b[1] - a[1]) for a, b in itertools.pairwise(self.points())]
        return [Sample(s.token, sum(steps), "measured", s.ran_ms, "w") for s in stretches]

class Fed(MeterHarness):
    def feed(self, points):
        home = self.folder / "meter"
        home.mkdir(exist_ok=True)
        (home / "points").write_text(json.dumps(points))
"""

METER_FAULTS = {
    "restless": ["asked again it says the same"],
    "guess": ["its answers are sound"],
    "proud": ["its answers are sound", "an unknown node is no error"],
    "ends": ["a counter that goes back began anew", "a gap is not covered and not made up"],
    "sums": [
        "repeated readings count once",
        "a counter that goes back began anew",
        "without readings nothing is covered",
    ],
}


def test_meters(bed):
    records = ", ".join(
        f"Meter({name!r}, 'joule', 'Unsound.', 'x_meters:{name.title()}', ('counter',), 'x_meters:Fed')"
        for name in METER_FAULTS
    )
    hook = f"@hookimpl\ndef shanyrak_meters():\n    return [{records}]\n"
    write_plugin(bed.folder, "bad", hook, record="PLUGIN = Plugin('bad', '2', 'Unsound.')", more={"x_meters": METERS})
    found, printed = bed.kit(
        "bad", "-k", only({(name, test): test for name, tests in METER_FAULTS.items() for test in tests})
    )
    for name, tests in METER_FAULTS.items():
        for test in tests:
            assert found.get(f"meter: {test} [{name}]") == "failed", f"{name}\n{printed}"


ADMISSION = """
import time
from datetime import datetime

SEEN = []

@hookimpl
def shanyrak_decide_admission(request):
    {body}
"""

ADMISSION_FAULTS = {
    "if int(time.time()) > 1_700_000_000: return Refusal('bad.late', 'late', {}, 'sooner')": "it is pure",
    "if datetime.now().year > 2025: return Refusal('bad.late', 'late', {}, 'sooner')": "it is pure",
    "SEEN.append(1)\n    if len(SEEN) > 5: return Refusal('bad.many', 'm', {}, 'less')": "what was asked before changes nothing",
    "if request.spec['name'] == 'x': return None": "it judges every request without failing",
    "return Refusal('mine', 'no', {}, 'none: never')": "a refusal names its rule and the nearest that would pass",
    "return Refusal('bad.no', 'no', {})": "a refusal names its rule and the nearest that would pass",
    "return Refusal('bad.no', 'no', {'set': {1}}, 'none: never')": "its inputs are data",
}


@pytest.mark.parametrize("body", ADMISSION_FAULTS)
def test_admission(bed, body):
    write_plugin(bed.folder, "bad", ADMISSION.format(body=body), record="PLUGIN = Plugin('bad', '2', 'Unsound.')")
    found, printed = bed.kit("bad", "-k", "admission")
    assert found.get(f"admission: {ADMISSION_FAULTS[body]}") == "failed", printed


COMMANDS = {
    "@click.command()\ndef say():\n    click.echo('hello')": "every command helps [bad]",
    "@click.command()\n@click.option('--loud', is_flag=True)\ndef say(loud):\n    'Say.'": "every command helps [bad]",
    "@click.command()\ndef say():\n    'Say.'\n    click.echo('a\\nb', err=True)\n    raise SystemExit(9)":
        "without a workspace it fails in one line or works [bad]",
}  # fmt: skip


@pytest.mark.parametrize("source", COMMANDS)
def test_commands(bed, source):
    hook = "@hookimpl\ndef shanyrak_commands():\n    return [Command('bad', 'Say it.', 'x_command:say')]\n"
    write_plugin(
        bed.folder, "bad", hook, record="PLUGIN = Plugin('bad', '2', 'Unsound.')",
        more={"x_command": f"import click\n\n{source}\n"},
    )  # fmt: skip
    found, printed = bed.kit("bad", "-k", "command")
    assert found.get(f"command: {COMMANDS[source]}") == "failed", printed


SETTINGS = """
from pydantic import BaseModel, ConfigDict, Field

class Settings(BaseModel):
    model_config = ConfigDict({})
    {}
"""

GENERAL = {
    "prints": ({"source": "print('hello')"}, "its import prints fetches and writes nothing"),
    "writes": (
        {"source": "import os\nos.makedirs('made-by-import', exist_ok=True)"},
        "its import prints fetches and writes nothing",
    ),
    "fetches": (
        {"source": "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError:\n    pass"},
        "its import prints fetches and writes nothing",
    ),
    "heavy": ({"source": "import numpy"}, "its import is light"),
    "http": ({"source": "import urllib.request"}, "its import is light"),
    "too new": (
        {"source": "@hookimpl\ndef shanyrak_kinds():\n    return []", "record": "PLUGIN = Plugin('bad', '1', 'Old.')"},
        "no hook is newer than the api it was written for",
    ),
    "nowhere": (
        {"source": "@hookimpl\ndef shanyrak_services():\n    return [Service('s', 'It.', 'x_nowhere:run')]"},
        "all that it names resolves",
    ),
    "open settings": (
        {"record": "PLUGIN = Plugin('bad', '2', 'Old.', settings='x_bad_s:Settings')",
         "more": {"x_bad_s": SETTINGS.format("", "a: int = Field(1, description='A.')")}},
        "all that it names resolves",
    ),
    "no description": (
        {"record": "PLUGIN = Plugin('bad', '2', 'Old.', settings='x_bad_s:Settings')",
         "more": {"x_bad_s": SETTINGS.format("extra='forbid', frozen=True", "a: int = 1")}},
        "its settings are closed and survive json",
    ),
    "not as JSON": (
        {"record": "PLUGIN = Plugin('bad', '2', 'Old.', settings='x_bad_s:Settings')",
         "more": {"x_bad_s": SETTINGS.format("extra='forbid', frozen=True, arbitrary_types_allowed=True",
                                             "a: object = Field(b'\\xff', description='A.')")}},
        "its settings are closed and survive json",
    ),
    "claims": (
        {"source": "@hookimpl\ndef shanyrak_engines():\n    return [EngineRecord('e', 'It.', 'shanyrak.testing.fakes:engine_for', "
         "('flies',))]",
         "record": "PLUGIN = Plugin('bad', '2', 'Old.')"},
        "what it claims exists",
    ),
    "opens without a kind": (
        {"record": "PLUGIN = Plugin('bad', '2', 'Opens.', hookspecs='x_bad_specs')",
         "more": {"x_bad_specs": "from shanyrak.api import hookspec\n\n@hookspec\ndef shanyrak_bad_things():\n    'Things.'\n"}},
        "hooks that it opens are documented and have a kind",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", GENERAL)
def test_general(bed, fault):
    how, test = GENERAL[fault]
    write_plugin(bed.folder, "bad", **{"record": "PLUGIN = Plugin('bad', '2', 'Unsound.')", **how})
    found, printed = bed.kit("bad", "-k", "test_general")
    assert found.get(f"general: {test}") == "failed", printed


def test_a_plugin_that_is_not_there_is_named(bed):
    import subprocess
    import sys

    kit = [sys.executable, "-m", "pytest", "--pyargs", "shanyrak.testing.conformance"]
    done = subprocess.run([*kit, "--shanyrak-plugin", "nobody"], cwd=bed.folder, capture_output=True, text=True)
    assert done.returncode == 4 and "no plugin `nobody` is installed" in done.stderr
    done = subprocess.run(kit, cwd=bed.folder, capture_output=True, text=True)
    assert done.returncode == 4 and "--shanyrak-plugin NAME" in done.stderr
