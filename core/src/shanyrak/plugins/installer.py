"""`plugin install` and `plugin remove`: through the pip or uv of the environment this program runs in.

What would change is asked of the installer first, and held against what the installed plugins need: nothing is done that
breaks one of them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import importlib_metadata as metadata

from shanyrak.errors import PluginProblem, UnfitProblem
from shanyrak.plugins.guard import one_line
from shanyrak.plugins.names import GROUP, is_name
from shanyrak.plugins.states import ACTIVE, PluginState

UNKNOWN = "?"
"""A version that is known only when it is built."""


class Change(NamedTuple):
    """One distribution that is installed, replaced or removed: its version before and after, empty for none."""

    name: str
    before: str
    after: str

    def words(self) -> str:
        if not self.before:
            return f"install {self.name} {self.after}"
        return (
            f"change {self.name} {self.before} to {self.after}" if self.after else f"remove {self.name} {self.before}"
        )


class Installer(NamedTuple):
    """How packages are installed here."""

    name: str
    start: tuple[str, ...]
    """The words of its command before the verb."""
    python: tuple[str, ...]
    """The words after the verb that name this environment."""

    def command(self, verb: str, *rest: str) -> list[str]:
        return [*self.start, verb, *self.python, *rest]


def installer() -> Installer:
    """pip, if this environment has it, else uv. Raises UnfitProblem."""
    if find_spec("pip") is not None:
        return Installer("pip", (sys.executable, "-m", "pip"), ())
    uv = shutil.which("uv")
    if uv:
        return Installer("uv", (uv, "pip"), ("--python", sys.executable))
    raise UnfitProblem(
        "nothing can be installed here",
        f"{sys.executable} has no pip, and there is no uv",
        "install one of them: `python -m ensurepip`",
    )


def wanted(what: str) -> list[str]:
    """The words that name it to an installer: a folder is installed as editable, `local` is `shanyrak-local`."""
    if Path(what).is_dir():
        return ["-e", what]
    if is_name(what) and not what.startswith("shanyrak"):
        return [f"shanyrak-{what}"]
    return [what]


def planned(by: Installer, what: str) -> list[Change]:
    """What installing it would change, asked of the installer. Raises PluginProblem with its words."""
    if by.name == "pip":
        done = _run(by.command("install", "--dry-run", "--quiet", "--report", "-", *wanted(what)), what)
        found = [(one["metadata"]["name"], one["metadata"]["version"]) for one in json.loads(done.stdout)["install"]]
    else:
        done = _run(by.command("install", "--dry-run", *wanted(what)), what)
        lines = re.findall(r"^ \+ ([\w.-]+)(?:==(\S+)| @ (\S+))", done.stderr, re.MULTILINE)
        found = [(name, version or _version_at(url)) for name, version, url in lines]
    have = {canonical(one.name): one.version for one in metadata.distributions()}
    return [Change(canonical(name), have.get(canonical(name), ""), version) for name, version in found]


def do(command: Sequence[str], what: str) -> None:
    """Run the installer. Raises PluginProblem with its words."""
    _run(command, what)


def broken_by(changes: Sequence[Change]) -> list[str]:
    """Which installed plugins, or the core, would lack what they need after these changes, in words."""
    from packaging.requirements import Requirement

    after = {change.name: change.after for change in changes}
    said = []
    for distribution in metadata.distributions():
        name = canonical(distribution.name)
        if name in after or not (name == "shanyrak" or _offers(distribution)):
            continue
        for line in distribution.requires or ():
            need = Requirement(line)
            if canonical(need.name) not in after or (need.marker and not need.marker.evaluate({"extra": ""})):
                continue
            version = after[canonical(need.name)]
            if version == UNKNOWN:
                continue
            if not version or not need.specifier.contains(version, prereleases=True):
                now = f"version {version}" if version else "none"
                said.append(f"{distribution.name} needs {need.name}{need.specifier or ''}, and there would be {now}")
    return said


def removal(name: str, states: Sequence[PluginState]) -> tuple[Change, list[str]]:
    """What removing a plugin takes away, and what that would break, in words."""
    state = next(one for one in states if one.name == name)
    change = Change(canonical(state.distribution), state.version, "")
    said = [
        f"{one.name} is in the same distribution, {state.distribution}"
        for one in states
        if one.name != name and one.distribution == state.distribution
    ]
    for one in states:
        if one.name != name and one.state == ACTIVE:
            hooks = sorted(set(one.hooks) & set(state.opens))
            said += [f"{one.name} implements `{hook}`, which {name} opens" for hook in hooks]
    return change, said + broken_by([change])


def states_now() -> dict[str, dict[str, Any]]:
    """The plugins as a new process finds them: what was just installed cannot be seen from here."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "shanyrak", "plugin", "list", "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UnfitProblem("the plugins cannot be listed any more", done.stderr.strip(), "see `shanyrak plugin list`")
    return {state["name"]: state for state in json.loads(done.stdout)}


def worse(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Which plugins were active and are not any more, and why."""
    for name, state in before.items():
        now = after.get(name)
        if state["state"] == ACTIVE and now is not None and now["state"] != ACTIVE:
            yield f"{name} is {now['state']} now: {now['reason']}"


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _version_at(url: str) -> str:
    """The version of a wheel or a folder that an installer names by its address alone."""
    wheel = re.search(r"/[^/]+?-([^-/]+)-[^/]*\.whl$", url)
    if wheel:
        return wheel[1]
    try:
        project = tomllib.loads((Path(url.removeprefix("file://")) / "pyproject.toml").read_text())
    except (OSError, ValueError):
        return UNKNOWN
    return str(project.get("project", {}).get("version", UNKNOWN))


def _offers(distribution: Any) -> bool:
    return GROUP in (distribution.read_text("entry_points.txt") or "")


def _run(command: Sequence[str], what: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        words = next(
            (line for line in said if "error" in line.lower() or "no solution" in line.lower()),
            said[-1] if said else "",
        )
        raise PluginProblem(f"{what} cannot be installed or removed", one_line(Exception(words)).removeprefix("Exception: "),
                            f"see what `{' '.join(command)}` says")  # fmt: skip
    return done
