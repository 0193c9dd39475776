"""A site on fake engines and a virtual clock. Time that is really waited for is taken out; disks need not be durable."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.testing.fakes import Bench

Make = Callable[..., Bench]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = SqliteStore.__init__

    def open_quickly(self: SqliteStore, *arguments: Any, **options: Any) -> None:
        opened(self, *arguments, **options)
        self._db.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(SqliteStore, "__init__", open_quickly)
    monkeypatch.setattr("shanyrak.control.engines.TROUBLE_S", 0.0)
    monkeypatch.setattr("shanyrak.control.controller.NODES_S", 0.0)


@pytest.fixture
def make(home, tmp_path: Path) -> Iterator[Make]:
    made: list[Bench] = []

    def new(**options: Any) -> Bench:
        folder = tmp_path / f"site{len(made)}"
        given = home.bench(folder)
        finders = [*given.pop("finders", []), *options.pop("finders", [])]
        made.append(Bench(folder, finders=finders, **given, **options))
        return made[-1]

    yield new
    for bench in made:
        assert bench.faults() == [], "whatever a test does, the journal stays sound"
        bench.site.close()


@pytest.fixture
def bench(make: Make) -> Bench:
    """Two nodes of four CPUs, and a project `p` with plenty."""
    made = make()
    made.fund("p")
    return made
