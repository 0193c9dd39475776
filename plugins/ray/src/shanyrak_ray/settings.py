"""The table `[plugins.ray]`."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Settings(BaseModel):
    """Where the Ray cluster is, and how attempts are run on it. Closed: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        default="http://127.0.0.1:8265",
        description="where the dashboard of the Ray head answers",
    )
    token_file: str = Field(
        default="",
        description="an absolute path of a file, mode 0600, with the token of a cluster that asks for one; empty: none",
    )
    timeout: float = Field(default=20.0, gt=0, le=600, description="seconds that one call to Ray may take")
    parallel: int = Field(default=8, ge=1, le=64, description="submissions that are under way at once")
    spool: str = Field(
        default="",
        description="an absolute path of a folder that the controller and all nodes see under it; empty: the engine's own, "
        "for a cluster on this machine",
    )
    python: str = Field(default="python3", description="a Python, 3.9 or later, on the nodes; it needs no packages")
    grace: float = Field(
        default=5.0, ge=0, le=3600, description="seconds between SIGTERM and SIGKILL at a stop or a limit"
    )
    silence: float = Field(
        default=60.0,
        ge=15,
        le=86400,
        description="seconds without a sign of life after which work on another machine is `unknown`",
    )
    log_limit: int = Field(
        default=64 * 2**20,
        ge=4096,
        description="bytes of each of stdout and stderr kept from the start of an attempt",
    )
    allow_other_users: bool = Field(
        default=False, description="run work that another OS user asked for; it runs as the user of the Ray cluster"
    )

    @field_validator("address")
    @classmethod
    def _whole(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/@\s]+/?", value):
            raise ValueError("write it as http://HOST:8265, without a user or a path")
        return value

    @field_validator("spool", "token_file")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError("it must be an absolute path: the controller and other commands run in different folders")
        return value
