"""Many requests in one transaction are the events and tables that one by one would be."""

import gc
from collections.abc import Callable
from typing import Any

from shanyrak.control import collector
from shanyrak.testing.fakes import Bench

Make = Callable[..., Bench]


def asked(number: int) -> dict[str, Any]:
    """Requests of every kind; some are refused, some use a key again or come after one of the same batch."""
    more: dict[str, Any] = {
        1: {"key": f"k{number % 100}"},
        2: {"cpus": 99},
        3: {"after": [max(1, number // 2)]},
        4: {"array": f"0-{number}%2", "name": "қазақ", "env": {"B": "1", "A": "2"}},
    }.get(number % 7, {})
    return {"project": "p", "command": ["work", str(number % 100)], "walltime": "90s", **more}


def told(bench: Bench) -> list[tuple[str, str, dict[str, Any]]]:
    return [(event.type, event.subject, event.data()) for event in bench.site.events()]


def test_a_batch_gives_what_one_by_one_gives(make: Make) -> None:
    one, many = make(), make()
    one.fund("p")
    many.fund("p")
    begun = len(one.site.events())
    requests = [asked(number) for number in range(1200)]  # more than are written at once
    single = [one.site.submit(request) for request in requests]
    assert many.site.submit_many(requests) == single
    assert told(many)[begun:] == told(one)[begun:]
    assert {receipt.state for receipt in single} == {"queued", "refused"} and any(r.existing for r in single)


def test_the_collector_runs_again_after_a_batch_and_after_one_that_fails(bench: Bench) -> None:
    bench.site.submit_many([asked(0)])
    assert gc.isenabled()
    try:
        with collector.paused():
            assert not gc.isenabled()
            raise KeyError
    except KeyError:
        assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
