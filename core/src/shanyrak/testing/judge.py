"""What one plugin judges of requests, in a process of its own: `python -m shanyrak.testing.judge NAME CLOCK` (JSON in, JSON out).

CLOCK (seconds since the epoch) is what every clock of Python says there: an answer that depends on it differs from that
of a process with another.
"""

from __future__ import annotations

import datetime
import json
import sys
import time
from collections.abc import Sequence
from typing import Any


def stop_clocks(at: float) -> None:
    """From here on it is always `at`, for all that is imported later."""

    class Datetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Datetime:
            return cls.fromtimestamp(at, tz)

        @classmethod
        def utcnow(cls) -> Datetime:
            return cls.fromtimestamp(at, datetime.UTC).replace(tzinfo=None)

    class Date(datetime.date):
        @classmethod
        def today(cls) -> Date:
            return cls.fromtimestamp(at)

    for name, value in (("time", at), ("time_ns", int(at) * 10**9), ("monotonic", at), ("perf_counter", at)):
        setattr(time, name, lambda value=value: value)
    setattr(datetime, "datetime", Datetime)  # noqa: B010  mypy takes no assignment to a class
    setattr(datetime, "date", Date)  # noqa: B010


def judged(name: str, requests: Sequence[dict[str, Any]], settings: dict[str, Any]) -> list[Any]:
    """The refusal of each request by the plugin, as data; None: it lets it pass. What it raises is `{"raised": ...}`."""
    from dataclasses import asdict

    from shanyrak.exchange import Request
    from shanyrak.plugins.discovery import find
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.plugins.switches import Switches

    manager = PluginManager(
        Switches(tables={name: settings}), finder=lambda: [found for found in find() if found.name == name]
    )
    answers: list[Any] = []
    for request in requests:
        refusals = manager.decide_admission(Request(**request))
        answers.append([asdict(refusal) for refusal in refusals])
    return answers


def main() -> None:
    """Read requests on stdin, print what is judged of each."""
    stop_clocks(float(sys.argv[2]))
    asked = json.load(sys.stdin)
    answers = judged(sys.argv[1], asked["requests"], asked["settings"])
    sys.stdout.write(json.dumps(answers, default=lambda value: f"not JSON: {type(value).__name__}"))


if __name__ == "__main__":
    main()
