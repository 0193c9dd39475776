"""The Markdown of the project: links lead somewhere, and commands that it names exist."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import click
import pytest
from shanyrak.cli.app import shanyrak
from shanyrak.cli.frame import Frame

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CITING = {"docs/compare.md"}
"""Pages that name where their facts are from."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page that git knows, or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]
    return [page for page in ROOT.rglob("*.md") if not any(part.startswith(".") for part in page.parts)]


PAGES = pages()
ids = [str(page.relative_to(ROOT)) for page in PAGES]


def anchor(heading: str) -> str:
    """A heading as its anchor."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(line.lstrip("#")) for line in page.read_text().splitlines() if line.startswith("#")}


def test_there_are_pages():
    assert {"README.md", "CONTRIBUTING.md", "docs/use/README.md", "docs/operate/README.md"} <= set(ids)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text())
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, part = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert ROOT in [file, *file.parents], f"{page.name}: {target} leaves the project"
        if part:
            assert part in anchors(file), f"{page.name}: no heading for {target}"


@cache
def named(words: tuple[str, ...]) -> str:
    """What is wrong with a command line, without running it: its verb, its sub-verb and its long options."""
    context, command = click.Context(shanyrak, obj=Frame("")), shanyrak
    flags: set[str] = {"-h", "--help", "--version", "-C"}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return ""
        if word == "-C":
            rest[:1] = []
        elif word.startswith("-"):
            known = {option for parameter in command.params for option in parameter.opts} | flags
            if word.partition("=")[0] not in known:
                return f"`{word}` is not an option of `{context.command_path}`"
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            if inner is None:
                return f"`{word}` is not a command of `{context.command_path}`"
            context, command = click.Context(inner, parent=context, info_name=word), inner
    return ""


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_named_commands_and_options_exist(page):
    for line in page.read_text().splitlines():
        for found in re.findall(r"(?:^|`|\s|/)shanyrak((?: [^`#]*)?)", line):
            words = tuple(word.strip(",.;:()") for word in found.split())
            quoted = f"`shanyrak{found}" in line
            if not words or not (quoted or re.match(r"\s*(\S*/)?(uv run )?shanyrak ", line)):
                continue
            if any(word.isupper() and "-" not in word for word in words[:1]):
                continue
            wrong = named(words)
            assert not wrong, f"{page.name}: {line.strip()}: {wrong}"


def test_no_page_names_a_host_or_a_path_of_a_machine():
    """Addresses belong to sources of data and of facts, and to namespaces, nowhere else; loopback is no machine's."""
    for page in [*PAGES, ROOT / "constraints.txt", ROOT / "dev.txt", ROOT / "tox.ini", ROOT / "mkdocs.yml"]:
        if "quickstart/data" in str(page) or page.relative_to(ROOT).as_posix() in CITING:
            continue
        assert not re.search(r"https?://(?!127\.0\.0\.1:)|index-url|find-links", page.read_text()), page
