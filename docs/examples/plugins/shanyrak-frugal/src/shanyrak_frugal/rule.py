"""Nobody asks for too much at once."""

from __future__ import annotations

from shanyrak.api import Refusal, Request

from shanyrak_frugal.settings import Settings

HOUR_MS = 3_600_000


def judge(request: Request, settings: Settings) -> Refusal | None:
    """Refuse a task that may take more than `most_unit_hours`: nodes x units x walltime."""
    units = request.width * request.units
    most_ms = settings.most_unit_hours * HOUR_MS // units
    if request.walltime_ms <= most_ms:
        return None
    return Refusal(
        rule="frugal.area",
        words=f"{units} units for {request.walltime_ms // 1000} s are more than {settings.most_unit_hours} unit-hours",
        inputs={"units": units, "walltime_ms": request.walltime_ms, "most_unit_hours": settings.most_unit_hours},
        nearest=f"the same with --walltime {most_ms // 1000}s",
    )
