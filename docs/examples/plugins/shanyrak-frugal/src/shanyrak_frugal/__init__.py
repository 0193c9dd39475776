"""The entry point of `shanyrak-frugal`: data only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shanyrak.api import Meter, Plugin, hookimpl

if TYPE_CHECKING:
    from shanyrak.api import Refusal, Request

    from shanyrak_frugal.settings import Settings

PLUGIN = Plugin(
    name="frugal",
    api="2",
    summary="Keeps requests small, and says what energy they took",
    settings="shanyrak_frugal.settings:Settings",
)


@hookimpl
def shanyrak_decide_admission(request: Request, settings: Settings) -> Refusal | None:
    """What the rule says; its module is imported when the first request is judged."""
    from shanyrak_frugal.rule import judge

    return judge(request, settings)


@hookimpl
def shanyrak_meters() -> Iterable[Meter]:
    """What it says of each attempt is shown by `shanyrak usage`."""
    return [
        Meter(
            name="frugal",
            unit="joule",
            summary="A model of the energy that work took",
            target="shanyrak_frugal.meter:Energy",
            capabilities=("every",),
        )
    ]
