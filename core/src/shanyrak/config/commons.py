"""commons.toml as a closed model: what a site declares of itself."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from shanyrak.config.fields import Duration, Memory, Name, Setting, SettingName, Share
from shanyrak.config.light import DEFAULT_STORE, FILE
from shanyrak.config.validate import validated
from shanyrak.errors import UnfitProblem
from shanyrak.model.quantities import DAY, HOUR, SECOND

Line = Annotated[str, StringConstraints(strict=True, max_length=500)]


Allowed = Annotated[
    str, StringConstraints(strict=True, pattern=r"^\S+ \S+ (sha256:[0-9a-f]{64}|editable:/.*)$", max_length=5000)
]


class Closed(BaseModel):
    """Unknown keys are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteTable(Closed):
    """[site]"""

    name: Line = Field(default="commons", min_length=1, description="The name of this machine, for people.")
    description: Line = Field(default="", description="What it is and whom it serves.")


class Pool(Closed):
    """[[pools]]: a number of equal nodes behind one engine."""

    name: Name = Field(description="The name of this pool; nodes are NAME-0, NAME-1 and so on.")
    engine: Name = Field(default="local", description="The engine that runs work here; a plugin brings it.")
    unit: Literal["gpu", "cpu"] = Field(description="What is counted: whole GPUs, or CPU slots.")
    nodes: StrictInt = Field(default=1, ge=1, le=100_000, description="How many nodes.")
    units: StrictInt = Field(ge=1, le=4096, description="Units of each node: its GPUs, or its CPU slots.")
    cpus: StrictInt = Field(ge=1, le=65_536, description="CPUs of each node.")
    memory: Memory = Field(description="Memory of each node, like '64G'.")

    @property
    def total(self) -> int:
        """Units of the whole pool."""
        return self.nodes * self.units


class PolicyTable(Closed):
    """[policy]"""

    active: Name = Field(
        default="easy", description="The policy that decides what runs next; `shanyrak policy list` shows them."
    )
    margin: Duration = Field(
        default=60 * SECOND,
        description="What is added to an estimate before it is promised: ends at a walltime take a moment.",
    )
    deadline: Duration = Field(
        default=2 * SECOND,
        ge=10,
        le=60 * SECOND,
        description="How long a decision may take before the core decides itself.",
    )
    large: Share = Field(
        default="25%",
        description="Work of a class whose promise is 'large' gets one from this size on: units, or a share of a pool. 0: all.",
    )
    depth: StrictInt = Field(
        default=1, ge=1, le=1000, description="How many waiting works of a pool have their start reserved at once."
    )
    second_actor: StrictBool = Field(
        default=False, description="Whether a policy becomes active only when a second operator says so, too."
    )
    undisturbed: Duration = Field(
        default=HOUR,
        description="The longest that work may ask to run before it may be stopped for other work.",
    )
    settings: dict[SettingName, Setting] = Field(default_factory=dict, max_length=100, exclude=True)
    """[policy.settings]: whole numbers and text for the active policy, by its own names."""

    @field_validator("settings")
    @classmethod
    def _not_ours(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        taken = next((name for name in value if name in PARAMS), None)
        if taken:
            raise ValueError(f"'{taken}' is what the core tells every policy, not a setting of one")
        return value


class AccountsTable(Closed):
    """[accounts]"""

    half_life: Duration = Field(
        default=7 * DAY, ge=SECOND, description="After this time, past use counts half in fair share."
    )
    default_walltime: Duration = Field(
        default=HOUR,
        ge=SECOND,
        description="The walltime of batch work that names none; its hold is made for it.",
    )
    store: Line = Field(
        default=DEFAULT_STORE,
        pattern=r"^[a-z][a-z0-9+-]*:.+",
        description="Where the journal is; a plugin may bring others.",
    )


class Sector(Closed):
    """[sectors.NAME]: a kind of tenant."""

    weight: StrictInt = Field(
        default=1, ge=1, le=1_000_000, description="Its part in fair share, beside the other sectors'."
    )
    floor: Share = Field(default=0, description="Units it can always get back, like 64 or '25%'; lent out while idle.")
    cap: Share | None = Field(default=None, description="Units it never goes over, like 128 or '50%'. Absent: no cap.")


class ServiceClass(Closed):
    """[classes.NAME]: what work may count on. The order in the file is their rank, the highest last."""

    description: Line = Field(default="", description="What it is for.")
    promise: Literal["always", "large", "never"] = Field(
        default="large",
        description="Which of its work is promised a start: 'always' any, 'large' from [policy] large on, 'never' none.",
    )
    sectors: tuple[Name, ...] = Field(
        default=(), description="Sectors whose projects may ask for it. Empty: all of them."
    )


class RolesTable(Closed):
    """[roles]: users of this operating system. The owner of the workspace is always both."""

    operators: tuple[Line, ...] = Field(
        default=(), description="Who may change nodes, windows, policy and others' work."
    )
    officers: tuple[Line, ...] = Field(default=(), description="Who may add projects and grants.")


class PluginsTable(Closed):
    """[plugins]: switches, and a table for each plugin, which its own model checks."""

    disabled: tuple[Name, ...] = Field(default=(), description="Plugins that are not loaded.")
    required: tuple[Name, ...] = Field(default=(), description="Plugins without which `shanyrak up` refuses to start.")
    allow: tuple[Allowed, ...] | None = Field(
        default=None, description="If given, no other plugins are loaded; `shanyrak plugin allow` prints it."
    )
    tables: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        tables = {key: value for key, value in data.items() if isinstance(value, dict)}
        return {**{key: value for key, value in data.items() if key not in tables}, "tables": tables}


SECTORS = ("startup", "university", "business", "public", "learner")
"""The sectors of a site that names none."""
CLASSES = {
    "batch": ServiceClass(description="Work that waits its turn and ends."),
    "service": ServiceClass(description="Work that others rely on.", promise="always"),
}
"""The service classes of a site that names none."""
PARAMS = ("margin", "depth", "grace", "half_life", "promises", "promise_classes", "promise_never", "promise_units")
"""What the core tells every policy beside the view."""


class Commons(Closed):
    """The whole file."""

    site: SiteTable = Field(default_factory=SiteTable)
    pools: tuple[Pool, ...] = Field(min_length=1, max_length=1000)
    policy: PolicyTable = Field(default_factory=PolicyTable)
    accounts: AccountsTable = Field(default_factory=AccountsTable)
    sectors: dict[Name, Sector] = Field(
        default_factory=lambda: {name: Sector() for name in SECTORS}, min_length=1, max_length=1000
    )
    classes: dict[Name, ServiceClass] = Field(default_factory=lambda: dict(CLASSES), min_length=1, max_length=31)
    roles: RolesTable = Field(default_factory=RolesTable)
    plugins: PluginsTable = Field(default_factory=PluginsTable)

    @model_validator(mode="after")
    def _fits(self) -> Commons:
        names = [pool.name for pool in self.pools]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two pools are named '{twice}'")
        if sum(pool.total for pool in self.pools) > 10_000_000:
            raise ValueError("the pools have more than ten million units together")
        percents = [s.floor for s in self.sectors.values() if isinstance(s.floor, str)]
        if sum(int(floor.rstrip("%")) for floor in percents) > 100:
            raise ValueError("the floors of all sectors are more than 100% together")
        for name, kind in self.classes.items():
            unknown = next((sector for sector in kind.sectors if sector not in self.sectors), None)
            if unknown:
                raise ValueError(f"class '{name}' names the sector '{unknown}', which is not declared")
        return self

    def pool(self, name: str) -> Pool | None:
        return next((pool for pool in self.pools if pool.name == name), None)


def load_commons(workspace: Path) -> Commons:
    """Read and check commons.toml. Raises UnfitProblem (unreadable), UsageProblem (a wrong key or value)."""
    path = workspace / FILE
    return validated(Commons, read_toml(path), str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The file as plain data, or UnfitProblem with the line at fault."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UnfitProblem(
            str(path), f"not TOML: {str(error)[:1].lower()}{str(error)[1:]}", "correct that line"
        ) from None
    except UnicodeDecodeError as error:
        raise UnfitProblem(str(path), f"not UTF-8 text (byte {error.start})", "restore it from a backup") from None
    except FileNotFoundError:
        raise UnfitProblem(str(path), "there is no such file", "make a workspace with `shanyrak init DIR`") from None
    except IsADirectoryError:
        raise UnfitProblem(str(path), "it is a folder", "put the site's file in its place") from None
