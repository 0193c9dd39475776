"""A journal on a virtual clock, and a site's worth of events in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from shanyrak.exchange import PastWork
from shanyrak.journal.copying import copy
from shanyrak.journal.journal import Journal
from shanyrak.journal.schema import migrate
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.journal.store import Store
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, VirtualClock, settle


@pytest.fixture
def store(home, tmp_path: Path) -> Iterator[Store]:
    made = home.open(tmp_path, create=True, wait_s=0.2)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[SqliteStore]:
    """An empty journal to fold into."""
    made = SqliteStore(tmp_path / "scratch.db", create=True)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def journal(store: Store, clock: VirtualClock) -> Journal:
    return Journal(store, clock.ledger())


METER = """
from shanyrak.api import Sample

class Clock:
    def __init__(self, context): ...
    def read(self, stretches): return [Sample(one.token, one.ran_ms, "measured", one.ran_ms) for one in stretches]
    def close(self): ...
"""


@pytest.fixture(scope="session")
def meters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the plugin `clock`, a meter."""
    folder = tmp_path_factory.mktemp("meters")
    hook = "@hookimpl\ndef shanyrak_meters():\n    return [Meter('clock', 'ms', 'Time.', 'x_clock_meter:Clock')]\n"
    write_plugin(folder, "clock", hook, record="PLUGIN = Plugin('clock', '2', 'C.')", more={"x_clock_meter": METER})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope="session")
def lived_file(tmp_path_factory: pytest.TempPathFactory, meters: Path) -> Path:
    """The journal of a site with every kind of row: grants, work that ended in each way, that lives, that waits."""
    bench = Bench(tmp_path_factory.mktemp("lived") / "site", finders=[lambda: find([str(meters)])])
    bench.fund("p", 100_000, start=bench.clock.wall - 100_000)
    bench.fund("q", 10_000, until=bench.clock.wall + 10_000_000)
    bench.site.add_members("q", ["ada", "bob"])
    bench.site.remove_members("q", ["bob"])
    first, second = bench.run(), bench.run("q", array="0-3%2")
    bench.run(after=[first.id])
    with bench.controller() as controller:
        settle(controller)
        engine = bench.engine()
        bench.clock.advance(3_000)
        engine.finish(engine.starts[0])
        engine.finish(engine.starts[1], exit_code=3)
        settle(controller)
        bench.site.stop(second.id)
        settle(controller)
        bench.run("q", cpus=4, width=2)
        bench.site.drain(["cpu-0"])
        bench.site.add_window(["cpu-1"], bench.clock.wall + 1_000_000, 0)
        settle(controller)
        began = bench.clock.wall - 60_000
        past = PastWork("7", "7", "p", "cpu", 1, 2, began, began, began + 5000, 5000, 9000, "ada", "old", "COMPLETED")
        bench.site.bring_work("elsewhere", [past], charge=True)
        bench.site.journal.store.backup(str(bench.folder / "copy.db"))
    bench.site.close()
    return bench.folder / "copy.db"


@pytest.fixture
def lived(home, lived_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of that journal, to be damaged."""
    (tmp_path / "lived").mkdir()
    source, target = SqliteStore(lived_file), home.open(tmp_path / "lived", create=True)
    with source.read() as rows, target.write() as fresh:
        copy(rows, fresh)
    source.close()
    yield target
    target.close()
