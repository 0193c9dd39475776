"""Turning pydantic's findings into one line for a person: file, key, what is wrong, what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from shanyrak.errors import UsageProblem
from shanyrak.plugins.names import did_you_mean

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: Mapping[str, Any], file: str, table: str = "") -> M:
    """`data` as a `model`, or UsageProblem for its first fault (with how many more there are)."""
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise problem(model, error, file, table) from None


def problem(model: type[BaseModel], error: ValidationError, file: str, table: str = "") -> UsageProblem:
    """The first fault in words."""
    found = error.errors(include_url=False)
    # A list whose items are wrong is also reported as too short: only the innermost faults are told.
    faults = [one for one in found if not any(_within(other["loc"], one["loc"]) for other in found)]
    first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")  # a misspelt key explains others
    place = [part for part in first["loc"] if not (isinstance(part, str) and part.startswith("function-"))]
    where = f"{file}: {spelled(place, table)}".rstrip(": ")
    more = f"; {len(faults) - 1} more like it" if len(faults) == 2 else ""
    more = f"; {len(faults) - 1} more faults follow" if len(faults) > 2 else more
    if first["type"] == "extra_forbidden":
        fields = _fields_at(model, place[:-1])
        fix = did_you_mean(str(place[-1]), fields) or (f"it may be one of {', '.join(fields)}" if fields else "")
        return UsageProblem(where, f"unknown key{more}", fix)
    if first["type"] == "missing":
        return UsageProblem(where, f"it is missing{more}", "add it")
    words = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    given = first.get("input")
    shown = repr(given) if isinstance(given, (str, int, float, bool)) else ""
    said = f"{words[:1].lower()}{words[1:]}"
    if shown and len(shown) <= 60 and not (isinstance(given, str) and given in said):
        said = f"{shown}: {said}"
    return UsageProblem(where, said + more)


def _within(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def spelled(place: list[str | int], table: str = "") -> str:
    """`pools[0].engine` as TOML spells it: `[[pools]] 1 engine`; `[policy] margin`."""
    parts = list(place)
    if table:
        return " ".join([table, _path(parts)]).strip()
    if len(parts) >= 2 and isinstance(parts[1], int):
        return f"[[{parts[0]}]] number {parts[1] + 1} {_path(parts[2:])}".strip()
    if len(parts) >= 3 and isinstance(parts[2], int):
        return f"[{parts[0]}] {_path(parts[1:])}"
    if len(parts) >= 3:
        return f"[{parts[0]}.{parts[1]}] {_path(parts[2:])}"
    if len(parts) == 2:
        return f"[{parts[0]}] {parts[1]}"
    return _path(parts)


def _path(parts: list[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _fields_at(model: type[BaseModel], place: list[str | int]) -> list[str]:
    """The keys that may stand in the table at `place`."""
    here: Any = model
    for part in place:
        if isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = here.model_fields[str(part)].annotation
        inner = _model_in(here)
        here = inner if inner is not None else here
    found = _model_in(here)
    return sorted(found.model_fields) if found is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
