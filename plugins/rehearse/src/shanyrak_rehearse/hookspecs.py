"""The hook that this plugin opens to others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shanyrak.api import hookspec

if TYPE_CHECKING:
    from shanyrak.api import Reader


@hookspec
def shanyrak_rehearse_readers() -> Iterable[Reader]:  # type: ignore[empty-body]
    """Readers of past work for `shanyrak rehearse`. Class: collect. Since API 1."""
