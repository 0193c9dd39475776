"""What the site adds to docs/, called by mkdocs (`hooks` in mkdocs.yml): folders in `nav`, and pages from outside docs/.

Pages are written to be read in the repository. So their links may lead out of docs/: those to another page of the site are
turned to it, those to code and tests become plain words. A link that leads nowhere is left as it is, and `--strict` refuses it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
ALONE = {"README.md", "compare.md"}
"""Pages that take the whole width: no list of pages or headings beside them."""
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def outside() -> dict[str, str]:
    """Pages outside docs/: path in the repository -> path in the site."""
    pages = {"CONTRIBUTING.md": "contribute.md", "CHANGELOG.md": "changes.md", "core/README.md": "plugins/core.md"}
    for readme in sorted(ROOT.glob("plugins/*/README.md")):
        pages[readme.relative_to(ROOT).as_posix()] = f"plugins/{readme.parent.name}.md"
    return pages


def on_config(config: Any) -> Any:
    """Write out the folders in `nav`."""
    docs = [page.relative_to(config.docs_dir).as_posix() for page in Path(config.docs_dir).rglob("*.md")]
    config.nav = _written_out(config.nav, [*docs, *outside().values()])
    return config


def _written_out(entries: list[Any], pages: list[str]) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, str):
            found += _pages_of(entry, pages) if entry.endswith("/") else [entry]
            continue
        for title, inner in entry.items():
            if isinstance(inner, list):
                found.append({title: _written_out(inner, pages)})
            else:
                found.append({title: _pages_of(inner, pages) if inner.endswith("/") else inner})
    return found


def _pages_of(folder: str, pages: list[str]) -> list[str]:
    inside = [page for page in pages if posixpath.dirname(page) == folder.rstrip("/")]
    return sorted(inside, key=lambda page: (not page.endswith("README.md"), page))


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside docs/."""
    for source, target in outside().items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links that lead out of docs/."""
    places = outside()
    here = page.file.src_uri
    if here in ALONE:
        page.meta["hide"] = ["navigation", "toc"]
    source = next((path for path, target in places.items() if target == here), f"docs/{here}")

    def turned(match: re.Match[str]) -> str:
        mark, text, target, part = match[1], match[2], match[3], match[4] or ""
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path == "README.md":
            path, part = "docs/README.md", ""
        wanted = places.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
        found = files.get_file_from_path(wanted) if wanted else None
        if found and found.inclusion.is_included():
            return f"{mark}[{text}]({posixpath.relpath(wanted, posixpath.dirname(here) or '.')}{part})"
        return text if (ROOT / path).exists() else match[0]

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(turned, part) for part in parts)
