"""The only file that knows numba: `jit` compiles a loop where it can, else it changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def _identity(function: F) -> F:
    return function


def _choose() -> tuple[bool, Callable[[F], F]]:
    if os.environ.get("SHANYRAK_COMPILED") == "0":
        return False, _identity
    try:
        import numba
    except ImportError:
        return False, _identity

    def compile_(function: F) -> F:
        try:
            return cast(F, numba.njit(cache=True)(function))
        except RuntimeError:  # no folder may be written for the cache: compile in each process
            return cast(F, numba.njit(function))

    return True, compile_


COMPILED, jit = _choose()
"""Whether kernels are compiled in this process, and the decorator. Set `SHANYRAK_COMPILED=0` to interpret."""
