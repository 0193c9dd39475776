"""The tutorial as steps: files to write, commands to run, and what they must print."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs" / "write-a-plugin" / "tutorial.md"
EXAMPLE = PAGE.parents[1] / "examples" / "plugins" / "shanyrak-frugal"
PROJECT = "shanyrak-frugal"

_STEP = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`:\n\n)?^```(?P<kind>python|sh|text)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Step(NamedTuple):
    """`kind`: `file` (written to `path` in the project), `run`, or `says` (lines of what the last commands printed)."""

    kind: str
    body: str
    path: str = ""


def steps() -> Iterator[Step]:
    """The steps of the page in order."""
    kinds = {"python": "file", "sh": "run", "text": "says"}
    for found in _STEP.finditer(PAGE.read_text()):
        kind = kinds[found["kind"]]
        assert (kind == "file") == bool(found["path"]), f"a file has its name above it: {found[0][:80]}"
        yield Step(kind, found["body"], found["path"] or "")


def files() -> dict[str, str]:
    """What the page writes into the project, by path."""
    return {step.path: step.body for step in steps() if step.kind == "file"}


def follow(folder: Path, env: Mapping[str, str]) -> str:
    """Do all of it in an empty folder, in one shell; gives all that was printed. AssertionError where a step fails."""
    here, printed, last, variables = folder, "", "", dict(env)
    for step in steps():
        if step.kind == "file":
            (folder / PROJECT / step.path).write_text(step.body)
        elif step.kind == "run":
            script = f"set -e\n{step.body}\npwd > {folder}/.where\nenv -0 > {folder}/.env\n"
            done = subprocess.run(
                ["bash", "-c", script], cwd=here, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            last = done.stdout
            printed += f"$ {step.body}{last}"
            assert done.returncode == 0, printed
            here = Path((folder / ".where").read_text().strip())
            pairs = (folder / ".env").read_bytes().decode().split("\0")
            variables = dict(pair.partition("=")[::2] for pair in pairs if pair)
        else:
            for line in step.body.splitlines():
                assert says(last, line), f"no line like `{line}` in:\n{printed}"
    return printed


def says(printed: str, line: str) -> bool:
    """Whether a line that was printed has these words in this order."""
    pattern = r"\s(?:.*\s)?".join(re.escape(word) for word in line.split())
    return re.search(rf"(?:^|\s){pattern}(?:\s|$)", printed, re.MULTILINE) is not None


def environment(python: Path) -> dict[str, str]:
    """What a person has who activated the environment of this Python."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SHANYRAK_", "PYTHON", "VIRTUAL_"))}
    return {**kept, "PATH": f"{python.parent}{os.pathsep}{kept.get('PATH', '')}", "VIRTUAL_ENV": str(python.parents[1])}
