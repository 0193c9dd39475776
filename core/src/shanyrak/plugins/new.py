"""`plugin new`: a plugin that installs, is found, and passes its tests, from the templates of its kind."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template

from shanyrak.errors import PluginProblem, UsageProblem
from shanyrak.plugins.names import CORE_VERBS, RESERVED, did_you_mean, is_name
from shanyrak.records import API_VERSION, Kind

COMMON = "shanyrak.templates.common"
LONGEST = 40
"""Letters of a new plugin's name, so that its lines are never too long."""


def render(name: str, kind: str, kinds: Mapping[str, Kind], folder: Path) -> list[Path]:
    """Write the plugin `name` into `folder`, which must be new or empty; gives its files. Raises UsageProblem."""
    check_name(name)
    if kind not in kinds:
        known = f"there are {', '.join(sorted(kinds))}"
        raise UsageProblem(f"no kind of plugin `{kind}`", known, did_you_mean(kind, kinds))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageProblem(f"{folder}", "it is there already", "choose another --dir, or remove it")
    package = "shanyrak_" + name.replace("-", "_")
    words = {
        "name": name,
        "package": package,
        "distribution": f"shanyrak-{name}",
        "title": "".join(part.capitalize() for part in name.split("-")),
        "summary": kinds[kind].summary.rstrip("."),
        "api": API_VERSION,
    }
    texts = {**_texts(COMMON), **_texts(kinds[kind].templates)}
    files = []
    for place, text in sorted(texts.items()):
        path = folder / place.replace("PACKAGE", package)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(words))
        files.append(path)
    return files


def check_name(name: str) -> None:
    """UsageProblem when no plugin can have this name."""
    if not is_name(name):
        raise UsageProblem(
            f"the name {name!r}", "it has other than lower-case letters, digits and `-`", "choose another"
        )
    if len(name) > LONGEST:
        raise UsageProblem(f"the name `{name}`", f"it is longer than {LONGEST} letters", "choose another")
    if name in CORE_VERBS:
        raise UsageProblem(f"the name `{name}`", "it is a verb of the core", "choose another")
    if name in RESERVED or keyword.iskeyword(name):
        raise UsageProblem(f"the name `{name}`", "it is reserved", "choose another")


def _texts(package: str) -> dict[str, str]:
    """Path -> text of each template of a package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PluginProblem("the templates", f"there is no package `{package}`", "install again what brings it")
    root = Path(next(iter(spec.submodule_search_locations)))
    return {str(path.relative_to(root))[: -len(".tmpl")]: path.read_text() for path in root.rglob("*.tmpl")}
