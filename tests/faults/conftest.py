"""Fault tests: real processes, real `kill -9`. `--full` runs them at the length at which the claims are made.

With SHANYRAK_TEST_STORE=SCHEME the journals are in the store of an installed plugin; `test_store.py` is about SQLite alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from faultlab.house import House, template
from shanyrak.testing import StoreHarness
from shanyrak.testing.storework import harness_of
from shanyrak_postgres import testing as postgres

cramped, lone = postgres.cramped, postgres.lone


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="fault tests at full length (minutes)")
    parser.addoption(
        "--repeats", type=int, default=0, help="kills at each commit point; default: 2, in full all that differ"
    )
    parser.addoption("--seed", type=int, default=20260101, help="what the fault tests draw from")


class Scale:
    """How long the tests are: each number for every day and in full."""

    def __init__(self, config: pytest.Config) -> None:
        self.full = bool(config.getoption("--full", default=False))
        self.seed = int(config.getoption("--seed", default=20260101))
        self.repeats = int(config.getoption("--repeats", default=0)) or self.pick(2, 0)

    def pick(self, everyday: int, full: int) -> int:
        return full if self.full else everyday


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(request.config)


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("origin") / "site")


@pytest.fixture
def build(tmp_path: Path, origin: Path) -> Iterator[Callable[[], House]]:
    """Makes houses, each demolished at the end of the test."""
    houses: list[House] = []
    stores: list[StoreHarness] = []

    def make() -> House:
        base, url = tmp_path / f"house-{len(houses)}", ""
        if scheme := os.environ.get("SHANYRAK_TEST_STORE"):
            stores.append(harness_of(scheme, base))
            url = stores[-1].url()
        houses.append(House(base, origin, url))
        return houses[-1]

    yield make
    for house in houses:
        house.demolish()
    for store in stores:
        store.close()


@pytest.fixture
def house(build: Callable[[], House]) -> House:
    return build()
