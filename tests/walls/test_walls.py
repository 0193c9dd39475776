"""The walls of the house: who may import whom, read from the source itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "src" / "shanyrak"
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/src/shanyrak_*") if path.is_dir())

CONTRACT = {"errors", "records", "exchange", "hookspecs", "api"}
"""What plugin authors import: the standard library and pluggy, nothing else, when it is imported."""

ROOMS = {
    "model": {"errors", "records", "model"},
    "policy": {"errors", "records", "model", "policy"},
    "journal": {"errors", "texts", "records", "model", "journal"},
    "config": {"errors", "records", "plugins.names", "model.quantities", "config"},
    "plugins": {"errors", "texts", "records", "exchange", "hookspecs", "api", "config", "plugins"},
    "control": {
        "errors", "texts", "records", "exchange", "hookspecs", "api", "model", "policy", "journal", "config", "plugins",
        "control",
    },
}  # fmt: skip
"""Room -> what of the core it may import (and the package's own `__version__`)."""


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def module_name(path: Path, folder: Path, package: str) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join([package, *parts]).removesuffix(".__init__")


def imports(path: Path, package: str, *, at_import: bool = False) -> Iterator[tuple[str, int]]:
    """(absolute name, line) of what a module imports, `from a import b` as `a.b`; types-only imports are left out.

    With `at_import`, only what is imported when the module is: nothing within functions.
    """
    tree = ast.parse(path.read_text("utf-8"), str(path))
    yield from _imports(tree, package if path.name == "__init__.py" else package.rpartition(".")[0], at_import)


def _imports(node: ast.AST, package: str, at_import: bool) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports(other, package, at_import)
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, child.lineno
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                here = package.split(".")
                base = ".".join([*here[: len(here) - child.level + 1], *filter(None, [base])])
            for alias in child.names:
                yield f"{base}.{alias.name}", child.lineno
        elif at_import and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        else:
            yield from _imports(child, package, at_import)


def core_imports(*, at_import: bool = False) -> Iterator[tuple[str, Path, str, int]]:
    """(room, path, imported name, line) for the whole core; a module at the top is a room by itself."""
    for path in sources(CORE):
        room = path.relative_to(CORE).parts[0].removesuffix(".py")
        for name, line in imports(path, module_name(path, CORE, "shanyrak"), at_import=at_import):
            yield room, path, name, line


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


def test_there_is_something_to_look_at():
    assert len(sources(CORE)) > 20
    assert PLUGINS


def test_the_reader_sees_what_it_should(tmp_path):
    (tmp_path / "a.py").write_text(
        "from __future__ import annotations\nimport os.path\nfrom .b import c\nfrom ..x import y\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n"
        "def f():\n    import rich\nclass K:\n    import json\n"
    )
    found = [name for name, _ in imports(tmp_path / "a.py", "p.q.a")]
    assert found == [
        "__future__.annotations", "os.path", "p.q.b.c", "p.x.y", "typing.TYPE_CHECKING", "rich", "json",
    ]  # fmt: skip
    assert "rich" not in [name for name, _ in imports(tmp_path / "a.py", "p.q.a", at_import=True)]


def test_the_core_never_imports_a_plugin():
    wrong = [f"{at(path, line)} {name}" for _, path, name, line in core_imports() if name.startswith("shanyrak_")]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_above_it(room):
    allowed = {f"shanyrak.{name}" for name in ROOMS[room]} | {"shanyrak.__version__"}
    wrong = [
        f"{at(path, line)} {name}"
        for where, path, name, line in core_imports()
        if where == room and within(name, "shanyrak") and not any(within(name, good) for good in allowed)
    ]
    # `from shanyrak import hookspecs` reads as shanyrak.hookspecs, and is judged like the rest.
    assert wrong == []


def test_the_contract_is_the_standard_library_and_pluggy():
    wrong = [
        f"{at(path, line)} {name}"
        for room, path, name, line in core_imports(at_import=True)
        if room in CONTRACT
        and name.split(".")[0] not in sys.stdlib_module_names
        and not within(name, "pluggy")
        and not any(within(name, f"shanyrak.{other}") for other in CONTRACT)
    ]
    assert wrong == []


def test_numpy_lives_in_policy_and_in_the_programs_of_the_quickstart():
    allowed = (CORE / "policy", CORE / "quickstart" / "programs", CORE / "testing")
    wrong = [
        at(path, line)
        for _, path, name, line in core_imports()
        if within(name, "numpy") and not any(folder in path.parents for folder in allowed)
    ]
    assert wrong == []


def test_numba_lives_in_one_file():
    wrong = [
        at(path, line)
        for _, path, name, line in core_imports()
        if within(name, "numba") and path != CORE / "policy" / "compiled.py"
    ]
    assert wrong == []


def test_the_journal_and_the_policy_do_not_know_pluggy_click_or_rich():
    wrong = [
        f"{at(path, line)} {name}"
        for room, path, name, line in core_imports()
        if room in ("model", "policy", "journal", "control", "config")
        and any(within(name, face) for face in ("click", "rich", "pluggy"))
    ]
    assert wrong == []


def test_only_the_manager_touches_the_hooks():
    wrong = []
    for folder in (CORE, *PLUGINS):
        for path in sources(folder):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr == "hook" and path != CORE / "plugins" / "manager.py":
                    wrong.append(at(path, node.lineno))
    assert wrong == []


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_imports_the_core_through_api_and_testing_only(folder):
    wrong = []
    for path in sources(folder):
        for name, line in imports(path, module_name(path, folder, folder.name)):
            if within(name, "shanyrak") and not any(within(name, f"shanyrak.{face}") for face in ("api", "testing")):
                wrong.append(f"{at(path, line)} {name}")
    assert wrong == []


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_never_imports_another(folder):
    wrong = [
        f"{at(path, line)} {name}"
        for path in sources(folder)
        for name, line in imports(path, module_name(path, folder, folder.name))
        if name.startswith("shanyrak_") and not within(name, folder.name)
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_an_entry_point_module_is_data(folder):
    """What it imports when it is imported is `shanyrak.api`, and the standard library's typing helpers."""
    path = folder / "__init__.py"
    wrong = [
        f"{at(path, line)} {name}"
        for name, line in imports(path, folder.name, at_import=True)
        if not within(name, "shanyrak.api") and name.split(".")[0] not in ("__future__", "collections", "typing")
    ]
    assert wrong == []
