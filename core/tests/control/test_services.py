"""Services beside a controller: their own connection to the journal, given back however they end."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shanyrak.control import services
from shanyrak.control.services import Services
from shanyrak.control.site import Site
from shanyrak.errors import UnfitProblem
from shanyrak.exchange import ServiceContext
from shanyrak.plugins.manager import Offer
from shanyrak.records import Service
from shanyrak.testing.fakes import Bench, settle

Serve = Callable[[ServiceContext], None]
Start = Callable[..., Services]


@pytest.fixture
def start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts these functions as services of the bench's site."""
    ending = threading.Event()
    started: list[Services] = []
    monkeypatch.setattr(services, "load", lambda target, plugin: target)
    monkeypatch.setattr(services, "BACKOFF_S", (0.01,))

    def new(*functions: Serve, required: bool = False) -> Services:
        offers: dict[str, Any] = {
            f"s{number}": Offer("fake", Service(f"s{number}", "Serves.", function, required))  # type: ignore[arg-type]
            for number, function in enumerate(functions)
        }
        monkeypatch.setattr(bench.site.manager, "services", lambda: offers)
        started.append(Services(bench.site, ending.is_set))
        started[-1].start()
        return started[-1]

    yield new
    ending.set()
    for one in started:
        one.join()


def eventually(check: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not check():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_service_asks_over_a_connection_of_its_own(bench: Bench, start: Start) -> None:
    """Also while the controller's own is in the middle of a transaction."""
    told: list[Any] = []

    def serve(context: ServiceContext) -> None:
        site = context.open_site()
        assert site is not bench.site and site.journal.store is not bench.site.journal.store
        told.append(len(site.ps()))

    with bench.site.journal.read():
        start(serve)
        eventually(lambda: told)
    assert told == [0]


def test_the_controller_runs_what_a_service_submits(bench: Bench, start: Start) -> None:
    def serve(context: ServiceContext) -> None:
        context.open_site().submit({"project": "p", "command": ["true"], "walltime": "60s"})

    with bench.controller() as controller:
        settle(controller)
        start(serve)
        eventually(lambda: bench.site.ps(everything=True))
        settle(controller)
    assert len(bench.engine().starts) == 1


def test_what_a_service_opened_is_closed_when_it_fails_and_it_is_started_again(bench: Bench, start: Start) -> None:
    opened: list[Site] = []

    def serve(context: ServiceContext) -> None:
        opened.append(context.open_site())
        if len(opened) < 3:
            raise SystemExit("not yet")

    start(serve)
    eventually(lambda: len(opened) == 3)
    for site in opened:
        eventually(lambda site=site: closed(site))


def closed(site: Site) -> bool:
    try:
        site.ps()
    except Exception:  # sqlite3 tells it in its own words
        return True
    return False


def test_a_required_service_that_fails_at_once_refuses_the_start(start: Start) -> None:
    def serve(context: ServiceContext) -> None:
        raise ValueError("no port")

    with pytest.raises(UnfitProblem, match="service s0 of plugin fake: ValueError: no port"):
        start(serve, required=True)


def test_a_service_is_told_where_it_is_and_when_to_end(bench: Bench, start: Start) -> None:
    told: list[Any] = []

    def serve(context: ServiceContext) -> None:
        told.append((Path(context.workspace), context.stopped()))

    start(serve)
    eventually(lambda: told)
    assert told == [(bench.site.folder, False)]
