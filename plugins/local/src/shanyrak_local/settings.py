"""The table `[plugins.local]`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How attempts are run on this machine. Closed: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    isolation: Literal["auto", "bwrap", "namespace", "none"] = Field(
        default="auto",
        description="auto: bubblewrap if it works here, else a pid namespace, else a sub-reaper. "
        "bwrap, namespace: that one, or an error. none: a sub-reaper, no isolation",
    )
    grace: float = Field(
        default=5.0, ge=0, le=3600, description="seconds between SIGTERM and SIGKILL at a stop or a limit"
    )
    timeout: float = Field(
        default=180.0,
        gt=0,
        le=3600,
        description="seconds that the keeper may take for an answer; then it counts as out of reach",
    )
    log_limit: int = Field(
        default=64 * 2**20,
        ge=4096,
        description="bytes of each of stdout and stderr kept from the start of an attempt; "
        "of what comes later the last 64 KiB are kept",
    )
    allow_other_users: bool = Field(
        default=False,
        description="run work that another OS user asked for without bubblewrap; it runs as this user",
    )
    hide: tuple[str, ...] = Field(
        default=(),
        description="folders that attempts under bubblewrap see empty, beside this workspace",
    )
