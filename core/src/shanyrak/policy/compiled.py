"""The only file that knows numba: `jit` compiles a loop where it can, else it changes nothing."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def _identity(function: F) -> F:
    return function


def _choose() -> tuple[bool, Callable[[F], F], Callable[[F], F]]:
    if os.environ.get("SHANYRAK_COMPILED") == "0":
        return False, _identity, _identity
    try:
        import numba
    except ImportError:
        return False, _identity, _identity

    def compile_(function: F, within: bool = False) -> F:
        njit: Any = numba.njit
        with _cached(function) as cache:
            made = njit(cache=cache, error_model="numpy", no_cfunc_wrapper=True, no_cpython_wrapper=within)(function)
        general = made.compile
        # Calls with constants would each be compiled by themselves, which takes longer than it saves.
        made.compile = lambda types: general(tuple(map(numba.types.unliteral, types)))
        return cast(F, made)

    return True, compile_, partial(compile_, within=True)


@contextmanager
def _cached(function: Callable[..., Any]) -> Iterator[bool]:
    """What numba makes meanwhile of a function is kept where `_cache` says; False: nowhere, each process compiles it."""
    import numba

    folder = _cache(Path(inspect.getfile(function)).parent)
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = folder or before
    try:
        yield folder is not None
    finally:
        config.CACHE_DIR = before


@lru_cache
def _cache(source: Path) -> str | None:
    """Where compiled code of a folder of sources is kept, or None.

    A compiled loop holds the loops it calls, in this room and its own. numba looks only at the age of the one file, so the
    folder is named after all of them: after an upgrade nothing old is found.
    """
    digest = hashlib.sha256()
    for folder in sorted({source, Path(__file__).parent, Path(__file__).parent.parent / "model"}):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.read_bytes())
    name = f"compiled-{digest.hexdigest()[:16]}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for parent in (source / "__pycache__", home / "shanyrak"):
        try:
            (parent / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(parent / name, os.W_OK):
            return str(parent / name)
    return None


COMPILED, jit, inner = _choose()
"""Whether kernels are compiled in this process, the decorator of a loop, and that of one which only other loops call: it
compiles faster. Set `SHANYRAK_COMPILED=0` to interpret."""


@lru_cache
def pointer(order: Callable[[Any, int, Any, Any], None]) -> Any:
    """An `order` as compiled loops can call it: through a pointer, so that they are compiled once for all policies."""
    if not COMPILED:
        return order
    import numba

    function = getattr(order, "py_func", order)
    ints = numba.types.Array(numba.types.int64, 1, "C")
    cfunc: Any = numba.cfunc
    with _cached(function) as cache:
        return cfunc(numba.types.void(ints, numba.types.int64, ints, ints), cache=cache)(function)


def share(routines: Iterable[Callable[..., Any]]) -> None:
    """Let compiled loops call these plain functions of scalars, callees first; they stay as they are for others."""
    if COMPILED:
        from numba.extending import register_jitable

        for routine in routines:
            register_jitable(routine)
