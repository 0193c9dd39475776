"""Everything that API 1 had, in its own words. Never edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shanyrak.api import (
    Command,
    EngineRecord,
    Meter,
    Plugin,
    Policy,
    Refusal,
    Request,
    Service,
    Unit,
    hookimpl,
)

PLUGIN = Plugin("kept-1", "1", "Written for API 1.", settings="shanyrak_kept_1.parts:Settings")


@hookimpl
def shanyrak_commands() -> Iterable[Command]:
    return [Command("kept-1", "Say which API this was written for.", "shanyrak_kept_1.parts:command")]


@hookimpl
def shanyrak_engines() -> Iterable[EngineRecord]:
    return [EngineRecord("kept-1", "Runs small programs.", "shanyrak_kept_1.parts:engine")]


@hookimpl
def shanyrak_policies() -> Iterable[Policy]:
    return [Policy("kept-1", "Shortest first.", "1", stages="shanyrak_kept_1.parts:stages")]


@hookimpl
def shanyrak_units() -> Iterable[Unit]:
    return [Unit("gpu-week", "gpu-second", 7 * 86_400)]


@hookimpl
def shanyrak_meters() -> Iterable[Meter]:
    return [Meter("kept-1", "joule", "Listed; no core of API 1 asked it.", "shanyrak_kept_1.parts:Silent")]


@hookimpl
def shanyrak_services() -> Iterable[Service]:
    return [Service("kept-1", "Ends at once.", "shanyrak_kept_1.parts:service")]


@hookimpl
def shanyrak_decide_admission(request: Request) -> Refusal | None:
    if request.width <= 32:
        return None
    return Refusal("kept-1.width", "more than 32 nodes", {"width": request.width}, "the same with --width 32")


@hookimpl
def shanyrak_on_event(event: Mapping[str, Any]) -> None:
    from shanyrak_kept_1.parts import SEEN

    SEEN.append(event["type"])
