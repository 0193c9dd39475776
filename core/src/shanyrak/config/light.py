"""Finding the workspace, and reading only `[plugins]`: all that `shanyrak --help` needs, without pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shanyrak.errors import UnfitProblem

FILE = "commons.toml"
DEFAULT_STORE = "sqlite:journal.db"
"""Where the journal is when `[accounts] store` does not say."""
FOLDER_VARIABLE = "SHANYRAK_DIR"


def find_workspace(given: str | None, env: Mapping[str, str], start: Path | None = None) -> Path | None:
    """The folder meant: `given` (-C), else $SHANYRAK_DIR, else the nearest commons.toml, `start` or above.

    A folder that was named is returned as it is, whether or not it holds a workspace. None: there is none.
    """
    named = given or env.get(FOLDER_VARIABLE)
    if named:
        return Path(named).absolute()
    try:
        here = (start or Path.cwd()).absolute()
    except OSError:  # the current folder was removed
        return None
    for folder in (here, *here.parents):
        if _is_file(folder / FILE):
            return folder
    return None


def require_workspace(given: str | None, env: Mapping[str, str], start: Path | None = None) -> Path:
    """The same, or UnfitProblem when there is no workspace there."""
    folder = find_workspace(given, env, start)
    if folder is None:
        raise UnfitProblem(
            "no workspace",
            f"there is no {FILE} here or above",
            f"make one with `shanyrak init DIR`, or name one with -C DIR or {FOLDER_VARIABLE}",
        )
    if _is_file(folder):
        raise UnfitProblem(f"no workspace in {folder}", "it is a file", f"name its folder: -C {folder.parent}")
    if not _is_file(folder / FILE):
        why = f"it has no {FILE}" if folder.is_dir() else "there is no such folder"
        raise UnfitProblem(f"no workspace in {folder}", why, f"make one with `shanyrak init {folder}`")
    return folder


def plugin_tables(workspace: Path) -> tuple[dict[str, Any], str]:
    """The table `[plugins]` as it stands, and why it could not be read. Never raises."""
    import tomllib

    path = workspace / FILE
    try:
        with path.open("rb") as file:
            plugins = tomllib.load(file).get("plugins", {})
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:  # a TOMLDecodeError and a UnicodeDecodeError are ValueErrors
        reason = error.strerror if isinstance(error, OSError) else error
        return {}, f"{path} cannot be read: {reason}"
    if not isinstance(plugins, dict):
        return {}, f"{path}: `plugins` is not a table"
    return plugins, ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
