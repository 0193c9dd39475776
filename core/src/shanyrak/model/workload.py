"""What a person asks for: the spec of a workload, from a TOML file or flags, checked field by field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, field_validator

from shanyrak.errors import UsageProblem
from shanyrak.model.arrays import SINGLE, Array, parse_array
from shanyrak.model.quantities import duration_ms, memory_bytes, render_duration

M = TypeVar("M", bound=BaseModel)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NO_ZERO = r"^[^\x00]*$"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


Text = Annotated[str, Field(pattern=_NO_ZERO)]
"""Text without a zero byte. Its length is the field's to limit: a limit in here would stand in place of that one."""
Path = Annotated[Text, Field(max_length=4096)]
LongText = Annotated[Text, Field(max_length=131_072)]
Count = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Duration = Annotated[int, BeforeValidator(duration_ms), PlainSerializer(render_duration, when_used="json")]
"""Milliseconds; in JSON the text that reads as the same again."""
Memory = Annotated[int, BeforeValidator(memory_bytes)]


class Closed(BaseModel):
    """A model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Retry(Closed):
    """How often infrastructure failures are tried again; a user's failure never is."""

    tries: int = Field(default=3, ge=1, le=100, strict=True, description="attempts in all, the first included")
    unfenced: bool = Field(default=False, description="also when nobody can say that the lost attempt is dead")


class Spec(Closed):
    """One workload as asked. `gpus`, `cpus` and `mem` are for each node; `width` is the number of nodes."""

    project: Text = Field(min_length=1, max_length=64, description="the project that pays")
    command: tuple[LongText, ...] = Field(min_length=1, max_length=10_000, description="program and arguments")
    name: Text = Field(default="", max_length=128, description="a name for people; default: the program's")
    pool: Text = Field(default="", max_length=64, description="run in this pool only")
    class_: Text = Field(default="", alias="class", max_length=64, description="its service class; default: batch")
    gpus: Count = Field(default=0, description="GPUs a node")
    cpus: Count = Field(default=0, description="CPUs a node")
    mem: Memory = Field(default=0, validate_default=False, description="memory a node, such as 4G")
    width: int = Field(default=1, ge=1, le=100_000, strict=True, description="nodes, all at once (a gang)")
    walltime: Duration = Field(default=0, validate_default=False, description="the longest it may run")
    min_runtime: Duration = Field(
        default=0, validate_default=False, description="not stopped for other work before it has run so long"
    )
    checkpoint_every: Duration = Field(
        default=0,
        validate_default=False,
        description="it saves its state so often, and is not stopped before the first",
    )
    array: str = Field(default="", max_length=10_000, description="tasks, such as 0-99%8")
    after: tuple[int, ...] = Field(default=(), max_length=1000, description="workloads that must be done before")
    key: Text = Field(default="", max_length=200, description="the same key twice is the same workload")
    env: dict[str, LongText] = Field(default_factory=dict, description="environment variables for the job")
    secrets: tuple[str, ...] = Field(default=(), max_length=100, description="names of files in DIR/secrets")
    cwd: Path = Field(default="", description="working folder; default: the caller's")
    outputs: tuple[Path, ...] = Field(default=(), max_length=1000, description="other paths it may write")
    network: bool = Field(default=False, description="may reach the network")
    term: Duration = Field(default=0, validate_default=False, description="give up when not started by then")
    retry: Retry = Field(default_factory=Retry, description="what happens when the infrastructure fails")

    @field_validator("command")
    @classmethod
    def _command(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value[0].strip():
            raise ValueError("the program's name is empty")
        return value

    @field_validator("array")
    @classmethod
    def _array(cls, value: str) -> str:
        if value:
            parse_array(value)
        return value

    @field_validator("after")
    @classmethod
    def _after(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 < one < 2**53 for one in value):
            raise ValueError("a workload's id is a whole number above zero")
        return tuple(dict.fromkeys(value))

    @field_validator("env")
    @classmethod
    def _env(cls, value: dict[str, str]) -> dict[str, str]:
        if len(value) > 1000:
            raise ValueError("more than 1,000 variables")
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is not a variable's name (letters, digits and _)")
        return value

    @field_validator("secrets")
    @classmethod
    def _secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is not a secret's name (letters, digits and _)")
        return value

    @field_validator("cwd", "outputs")
    @classmethod
    def _absolute(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for one in [value] if isinstance(value, str) else value:
            if one and not one.startswith("/"):
                raise ValueError(f"{one[:60]!r} is not an absolute path")
        return value

    @property
    def tasks(self) -> Array:
        """The array, a single task when none was asked."""
        return parse_array(self.array) if self.array else SINGLE

    @property
    def undisturbed(self) -> int:
        """How long (ms) each attempt runs before its safe point: from then on it may be stopped for other work."""
        return max(self.min_runtime, self.checkpoint_every)

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or self.command[0].rpartition("/")[2][:128]

    def asked(self) -> dict[str, Any]:
        """The spec as data, without what was not asked: what the journal keeps."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def parse_spec(data: Mapping[str, Any]) -> Spec:
    """Check `data`. Raises UsageProblem naming the field, what is wrong, and the nearest field that exists."""
    return parse(Spec, data, "the request")


def parse(model: type[M], data: Mapping[str, Any], what: str) -> M:
    """`model` from `data`, or a UsageProblem: one line, the first field that is wrong, with its remedy."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageProblem(*explain(first, model, what)) from None


def explain(error: Mapping[str, Any], model: type[BaseModel], what: str) -> tuple[str, str, str]:
    """What, why and fix of one pydantic error."""
    location = [str(part) for part in error["loc"]] or ["the whole"]
    field = ".".join(location)[:120]
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _fields(model, location[:-1]), 1)
        return f"{what}: field {field!r}", "there is no such field", f"did you mean {near[0]!r}?" if near else ""
    if error["type"] == "missing":
        info = model.model_fields.get(field)
        meant = info.description if info is not None else ""
        return f"{what}: field {field!r}", "it is missing", f"give {field}" + (f": {meant}" if meant else "")
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == _NO_ZERO:
        return f"{what}: field {field!r}", "a zero byte cannot stand in it", ""
    if error["type"] == "string_unicode":
        return f"{what}: field {field!r}", "it is not valid text (a lone surrogate)", ""
    return f"{what}: field {field!r}", error["msg"].removeprefix("Value error, ").rstrip("."), ""


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        info = model.model_fields.get(part)
        if info is None or not (isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)):
            return []
        model = info.annotation
    return [info.alias or name for name, info in model.model_fields.items()]


def check_id(value: str, what: str) -> str:
    """`value` if it may name a project or a grant's programme, else UsageProblem."""
    if not _ID.fullmatch(value):
        raise UsageProblem(
            f"{what} {value[:70]!r}",
            "not a name of lower-case letters, digits, '.', '_' and '-'",
            "start with a letter or digit, at most 64 characters",
        )
    return value
