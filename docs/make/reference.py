"""Writes what docs/reference takes from the code; `tests/docs` fails when a page is not up to date.

    .venv/bin/python docs/make/reference.py

Between `<!-- from the code: NAME -->` and `<!-- end -->` a page is written here and not by hand.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
PART = re.compile(r"(<!-- from the code: ([\w-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write each page that has parts from the code."""
    for page in sorted(REFERENCE.glob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = renewed(old)
        if new != old:
            page.write_text(new, encoding="utf-8")


def renewed(text: str) -> str:
    """A page with its parts from the code as the code is now. KeyError for a part that nothing writes."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]().strip()}\n{found[3]}", text)


# ---- the parts ------------------------------------------------------------------------------------------------


def hooks() -> str:
    """Every hook of the core, and of plugins of this project that open some."""
    modules = [importlib.import_module("shanyrak.hookspecs"), *opened()]
    rows = []
    for name, function in (pair for module in modules for pair in specs(module)):
        parameters = ", ".join(inspect.signature(function).parameters)
        text = inspect.getdoc(function) or ""
        example = f"[example](../write-a-plugin/examples.md#{name})"
        rows.append((f"`{name}({parameters})`", class_of(text), since(text), gives(text), example))
    return table(("hook", "class", "since", "what for", ""), rows)


def why() -> str:
    from shanyrak.policy.reasons import Why

    words = attribute_words(Why)
    return table(("bit", "test"), ((f"`{bit.name}`", words[str(bit.name)]) for bit in Why))


def records() -> str:
    return dataclasses_of("shanyrak.records")


def exchanged() -> str:
    return dataclasses_of("shanyrak.exchange")


def settings() -> str:
    """Each table of commons.toml."""
    from pydantic import BaseModel
    from shanyrak.config import commons

    parts = []
    for model in vars(commons).values():
        if not (inspect.isclass(model) and issubclass(model, BaseModel)) or not (model.__doc__ or "").startswith("["):
            continue
        head, _, more = (model.__doc__ or "").partition("]: " if "]: " in (model.__doc__ or "") else "\0")
        title = head.split("\n")[0].rstrip(".") + ("]" if more else "")
        shown = model.model_construct().model_dump(mode="json")
        rows = []
        for name, field in model.model_fields.items():
            if field.exclude or not field.description:
                continue
            default = "must be given" if field.is_required() else toml(shown.get(field.alias or name, shown.get(name)))
            rows.append((f"`{field.alias or name}`", field.description, default))
        sentence = f"{more[:1].upper()}{more[1:]}".strip().split("\n")[0]
        parts.append(
            f"## `{title}`\n\n{sentence}\n\n{table(('key', 'means', 'default'), rows)}".replace("\n\n\n\n", "\n\n")
        )
    return "\n\n".join(parts)


def command_line() -> str:
    """Every verb of the core, as click knows it."""
    import click
    from shanyrak.cli.app import shanyrak
    from shanyrak.cli.frame import Frame
    from shanyrak.cli.verbs import SECTIONS

    root = click.Context(shanyrak, info_name="shanyrak", obj=Frame(""))
    parts = []
    for title, verbs in SECTIONS:
        parts.append(f"## {title}")
        for verb in verbs:
            command = shanyrak.get_command(root, verb.name)
            assert command is not None
            parts += command_parts(command, verb.name, root)
    return "\n\n".join(parts)


def engine_capabilities() -> str:
    """What engines may claim, and which methods of a harness that takes: those whose words begin with its name."""
    from shanyrak.testing import EngineHarness
    from shanyrak.testing.contracts.engine import CAPABILITIES

    words = [(name, inspect.getdoc(value) or "") for name, value in vars(EngineHarness).items() if callable(value)]
    rows = []
    for capability, meaning in CAPABILITIES.items():
        methods = [f"`{name}`" for name, said in words if said.startswith(f"`{capability}`")]
        rows.append((f"`{capability}`", meaning, " ".join(methods)))
    return table(("capability", "an engine that claims it", "harness"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "hooks": hooks,
    "why": why,
    "records": records,
    "exchange": exchanged,
    "settings": settings,
    "command-line": command_line,
    "engine-capabilities": engine_capabilities,
}


# ---- hooks ------------------------------------------------------------------------------------------------------


def opened() -> list[ModuleType]:
    """The modules of hooks that plugins of this project open."""
    places = sorted(REFERENCE.parents[1].glob("plugins/*/src/*/hookspecs.py"))
    return [importlib.import_module(f"{place.parent.name}.hookspecs") for place in places]


def specs(module: ModuleType) -> list[tuple[str, Callable[..., Any]]]:
    """The hooks of a module, in its order."""
    return [(name, value) for name, value in vars(module).items() if name.startswith("shanyrak_") and callable(value)]


def class_of(text: str) -> str:
    found = re.search(r"Class: (\w+)\.", text)
    assert found, text
    return found[1]


def since(text: str) -> str:
    found = re.search(r"Since API (\d+)(?:; (.*?)\.$)?", text, re.MULTILINE | re.DOTALL)
    assert found, text
    return f"{found[1]}; {' '.join(found[2].split())}" if found[2] else found[1]


def gives(text: str) -> str:
    """The words of a hook's docstring without its class and version."""
    return " ".join(
        re.sub(r"Class: \w+\. Since API .*?(?:\.$|\.(?=\s))", "", text, flags=re.DOTALL | re.MULTILINE).split()
    )


# ---- records ----------------------------------------------------------------------------------------------------


def dataclasses_of(name: str) -> str:
    """A heading, its words and its fields for each dataclass that a module defines."""
    module = importlib.import_module(name)
    parts = []
    for kind in vars(module).values():
        if not (inspect.isclass(kind) and is_dataclass(kind) and kind.__module__ == name):
            continue
        words = attribute_words(kind)
        rows = []
        for field in fields(kind):
            default = "must be given"
            if field.default is not MISSING:
                default = "empty" if field.default == "" else f"`{field.default!r}`"
            elif field.default_factory is not MISSING:
                default = "empty"
            rows.append(
                (f"`{field.name}`", f"`{str(field.type).replace(' | ', ' or ')}`", words.get(field.name, ""), default)
            )
        shown = table(("field", "type", "means", "default"), rows)
        parts.append(f"### {kind.__name__}\n\n{inspect.getdoc(kind)}\n\n{shown}")
    return "\n\n".join(parts)


def attribute_words(kind: type) -> dict[str, str]:
    """The text under each attribute of a class, which Python itself does not keep."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    words = {}
    for line, below in zip(body.body, body.body[1:], strict=False):
        target = (
            line.target
            if isinstance(line, ast.AnnAssign)
            else line.targets[0]
            if isinstance(line, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            words[target.id] = " ".join(str(below.value.value).split())
    return words


# ---- commands ---------------------------------------------------------------------------------------------------


def command_parts(command: Any, name: str, parent: Any, depth: int = 3) -> list[str]:
    """A heading, the usage, the words and the options of a command, and of those below it."""
    import click

    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(piece for piece in command.collect_usage_pieces(context))
    parts = [
        f"{'#' * depth} {context.command_path.removeprefix('shanyrak ')}",
        inspect.cleandoc(command.help or "").replace("\b\n", ""),
    ]
    if not isinstance(command, click.Group):
        parts.append(f"```text\n{context.command_path} {usage}\n```")
    rows = []
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            shown, words = option.get_help_record(context) or ("", "")
            rows.append((f"`{shown.replace('|', ' or ')}`", words))
    if rows:
        parts.append(table(("option", "means"), rows))
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            assert below is not None
            parts += command_parts(below, inner, context, min(depth + 1, 4))
    return parts


# ---- Markdown ---------------------------------------------------------------------------------------------------


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; `|` in a cell is escaped."""
    heads = tuple(heads)
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def toml(value: Any) -> str:
    """A default as it would be written in the file."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or value in ("", [], {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    main()
