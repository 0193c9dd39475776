"""The table `[plugins.postgres]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How the server is reached, beside what `[accounts] store` says. Closed: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password_file: str = Field(
        default="",
        description="a file of mode 0600 with the password and nothing else, its path relative to the workspace. "
        "Empty: what libpq finds (PGPASSFILE, ~/.pgpass, PGSERVICE, PGPASSWORD), or no password",
    )
    connect_timeout: int = Field(default=10, ge=2, le=600, description="seconds to wait for a connection")
