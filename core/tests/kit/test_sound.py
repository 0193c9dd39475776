"""One plugin with every kind of record, all of them sound: the kit finds nothing."""

from __future__ import annotations

from shanyrak.testing.distribution import write_plugin

HOOKS = """
from shanyrak.api import MeterContext

@hookimpl
def shanyrak_engines():
    return [EngineRecord("sound", "Fake.", "x_sound_parts:engine", ("logs", "times", "walltime"),
                         "shanyrak.testing:FakeEngineHarness")]

@hookimpl
def shanyrak_stores():
    return [Store("sound", "On disk.", "shanyrak.testing:disk_store", ("backup", "full-disk"))]

@hookimpl
def shanyrak_meters():
    return [Meter("sound", "joule", "A counter.", "x_sound_parts:meter", ("counter",), "x_sound_parts:Fed")]

@hookimpl
def shanyrak_policies():
    return [Policy("sound", "First come, first served.", "1", stages="x_sound_parts:stages", capabilities=("fifo",))]

@hookimpl
def shanyrak_commands():
    return [Command("sound", "Say hello.", "x_sound_parts:command")]

@hookimpl
def shanyrak_decide_admission(request, settings):
    if request.walltime_ms > settings.hours * 3_600_000:
        return Refusal("sound.hours", f"longer than {settings.hours} hours", {"hours": settings.hours}, "a shorter one")
    return None
"""

PARTS = """
import click
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from shanyrak.api import Sample, Stages, grown
from shanyrak.testing import FakeEngine, MeterHarness
from shanyrak.testing.fakes import engine_for

engine = engine_for


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    hours: int = Field(default=100, description="The longest work.")


def stages(view, params):
    return Stages(pack="strict")


class CounterMeter:
    def __init__(self, context):
        self.file = Path(context.folder) / "points"

    def read(self, stretches):
        points = json.loads(self.file.read_text()) if self.file.exists() else []
        for one in stretches:
            if one.nodes == ("gpu-0",):
                amount, covered = grown(points, one.started_ms, one.ended_ms, 60_000)
                if covered:
                    yield Sample(one.token, amount, "measured", min(covered, one.ran_ms), "the counter of its node")

    def close(self):
        pass


meter = CounterMeter


class Fed(MeterHarness):
    def feed(self, points):
        home = self.folder / "meter"
        home.mkdir(exist_ok=True)
        (home / "points").write_text(json.dumps(points))


@click.group()
def command():
    "Say hello."


@command.command()
@click.option("--name", default="you", help="To whom.")
def hello(name):
    "Say it."
    click.echo(f"Hello, {name}.")
"""


UNCLAIMED = {
    "a command that is not there is the users fault",
    "a controller killed around a launch starts it once",
    "a day with a killed controller is adopted and exact",
    "a signal is told from an exit code",
    "a stop that was asked of it while it hung is not lost",
    "an array whose controller is killed runs each task once",
    "an end is the end of the whole tree",
    "each has gpus of its own and they are free afterwards",
    "foreign work under the same number is left alone",
    "it hangs and nothing is concluded",
    "it is killed after it accepted work",
    "its durations are those of its own account",
    "out of reach for minutes nothing is concluded",
    "stop ends the whole tree",
    "tasks launched together are told apart",
    "a bundle that comes in parts starts each task once",
    "a task that is tried again is another attempt",
    "the death of a node is told",
    "users cannot touch the work of others",
    "what can never fit is refused at once",
    "what waits can be stopped and never starts",
    "what waits says so and is found again",
    "what work prints can be read while it runs",
    "work goes on while it is dead",
    "work sees its environment and its secrets and nothing of ours",
    "work that takes too much memory is ended and told",
}
"""Of engines. Tasks of arrays are tried all the same, but for those that are alike."""


def test_the_kit_finds_nothing_wrong_with_what_is_sound(bed):
    record = "PLUGIN = Plugin('sound', '2', 'All kinds.', settings='x_sound_parts:Settings')"
    write_plugin(bed.folder, "sound", HOOKS, record=record, more={"x_sound_parts": PARTS})
    found, printed = bed.kit("sound")
    skipped = {test for test, outcome in found.items() if outcome == "skipped"}
    assert {test: outcome for test, outcome in found.items() if outcome != "skipped"} == {}, printed
    unclaimed = {test.split(" [")[0] for test in skipped}
    assert unclaimed == {
        *(f"engine: {title}" for title in UNCLAIMED),
        "policy: the published schedule of easy",
        "meter: it says something of every stretch",
    } | ({"policy: compiled and interpreted are equal"} & unclaimed)
    assert (
        "engine sound: claims logs, times, walltime; does not claim accounting, arrays, commands, daemon, env"
        in printed
    )
    assert "policy sound: claims fifo; does not claim easy" in printed
