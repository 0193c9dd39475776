"""Where the journals of these tests are: in SQLite, or with SHANYRAK_TEST_STORE=SCHEME in the store of an installed plugin."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.journal.store import Store
from shanyrak.testing.fakes import installed
from shanyrak.testing.harness import StoreHarness
from shanyrak.testing.storework import harness_of


class Sqlite:
    """Journals in files."""

    def open(self, folder: Path, **options: Any) -> Store:
        """The journal of a folder, made with `create=True`, or opened once more."""
        return SqliteStore(folder / "journal.db", **options)

    def url(self, folder: Path) -> str:
        """`[accounts] store` for the journal of a folder."""
        return f"sqlite:{folder / 'journal.db'}"

    def bench(self, folder: Path) -> dict[str, Any]:
        """What a `Bench` in a folder is told of its store."""
        return {}

    def close(self) -> None:
        """Files go with their folder."""


class OfPlugin:
    """Journals in a plugin's store, as its harness makes them."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.harnesses: dict[Path, StoreHarness] = {}

    def harness(self, folder: Path) -> StoreHarness:
        if folder not in self.harnesses:
            self.harnesses[folder] = harness_of(self.scheme, folder)
        return self.harnesses[folder]

    def open(self, folder: Path, **options: Any) -> Store:
        return self.harness(folder).open(**options)

    def url(self, folder: Path) -> str:
        return self.harness(folder).url()

    def bench(self, folder: Path) -> dict[str, Any]:
        return {"store": self.url(folder), "finders": [installed(self.harness(folder).plugin)]}

    def close(self) -> None:
        for harness in self.harnesses.values():
            harness.close()


@pytest.fixture(scope="session")
def home() -> Iterator[Sqlite | OfPlugin]:
    """Where journals are."""
    scheme = os.environ.get("SHANYRAK_TEST_STORE", "sqlite")
    made = Sqlite() if scheme == "sqlite" else OfPlugin(scheme)
    yield made
    made.close()
