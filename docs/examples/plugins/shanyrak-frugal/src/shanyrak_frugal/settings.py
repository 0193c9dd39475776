"""The table `[plugins.frugal]` of commons.toml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Closed: an unknown key is an error that names the one you probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_unit_hours: int = Field(default=1000, ge=1, description="The most that one task may ask for, in unit-hours.")
    idle_watts: int = Field(default=5, ge=0, description="What one unit takes while it waits, in watts.")
    busy_watts: int = Field(default=10, ge=0, description="What a busy CPU takes on top, in watts.")
