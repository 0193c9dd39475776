"""Writing commons.toml: a new one with a comment for each part, and small edits that keep comments.

A file is replaced by rename, so that a crash or a full disk leaves the old one whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.config.light import DEFAULT_STORE, FILE
from shanyrak.errors import UnfitProblem, UsageProblem

if TYPE_CHECKING:
    from shanyrak.config.commons import Commons


def write_new(workspace: Path, commons: Commons) -> Path:
    """Write commons.toml into `workspace` (made 0700), 0600, durable on return. Never overwrites."""
    try:
        workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageProblem(
            f"{workspace}", f"no folder can be made there ({error.strerror})", "choose another"
        ) from None
    path = workspace / FILE
    temporary = _beside(path, rendered(commons))
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise UsageProblem(f"{workspace} is a workspace already", f"it has a {FILE}", "choose another folder") from None
    finally:
        temporary.unlink()
    workspace.chmod(0o700)
    _sync_folder(workspace)
    return path


def replace(path: Path, text: str) -> None:
    """Put `text` in place of the file, through links, with the mode it had; durable on return."""
    real = path.resolve()
    mode = real.stat().st_mode & 0o777
    temporary = _beside(real, text)
    try:
        temporary.chmod(mode)
        temporary.replace(real)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(real.parent)


def set_disabled(workspace: Path, plugin: str, disabled: bool) -> bool:
    """Put a plugin into `[plugins] disabled`, or take it out. True if the file changed. Comments stay."""
    import tomlkit

    path = workspace / FILE
    with _locked(workspace):
        document = _document(path, f"correct it, or use SHANYRAK_PLUGINS_DISABLE={plugin} until then")
        table = document.setdefault("plugins", tomlkit.table())
        listed = table.get("disabled", []) if isinstance(table, dict) else None
        if not isinstance(listed, list):
            raise UnfitProblem(f"{path}: [plugins] disabled", "it is not a list of names", "correct it")
        if (plugin in listed) == disabled:
            return False
        if "disabled" not in table:
            table["disabled"] = listed = tomlkit.array()
        if disabled:
            listed.append(plugin)
        else:
            while plugin in listed:
                listed.remove(plugin)
        replace(path, tomlkit.dumps(document))
    return True


def set_store(workspace: Path, url: str) -> bool:
    """Name another store in `[accounts]`. True if the file changed. Comments stay."""
    import tomlkit

    path = workspace / FILE
    with _locked(workspace):
        document = _document(path, "correct it")
        table = document.setdefault("accounts", tomlkit.table())
        if table.get("store", DEFAULT_STORE) == url:
            return False
        table["store"] = url
        replace(path, tomlkit.dumps(document))
    return True


def _document(path: Path, fix: str) -> Any:
    """The file as tomlkit has it. UnfitProblem, with what to do, when it is no TOML."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(path.read_bytes().decode("utf-8"))
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise UnfitProblem(str(path), f"not TOML: {error}", fix) from None


def rendered(commons: Commons) -> str:
    """The text of a new file: every key with its value, and what it means."""
    from shanyrak.config import commons as model

    parts = [
        "# The commons: what this site is and how it is shared. `shanyrak doctor` checks it.\n"
        "# Durations: 90s, 10m, 1:30:00, 2h, 7d. Memory: 512M, 64G. Shares: units (64) or of all ('25%').\n",
        _table("[site]", commons.site),
        "# Pools of equal nodes; a pool has one engine and one unit. If an engine reports less, that counts.",
        *(_table("[[pools]]", pool, comments=index == 0) for index, pool in enumerate(commons.pools)),
        _table("[policy]", commons.policy),
        "# What the active policy itself can be told; its own page lists it.",
        _raw("[policy.settings]", commons.policy.settings),
        _table("[accounts]", commons.accounts),
        "# Kinds of tenants. These are all: a sector that is not here does not exist.",
        *(
            _table(f"[sectors.{name}]", sector, comments=index == 0)
            for index, (name, sector) in enumerate(commons.sectors.items())
        ),
        "# Service classes, in the order of their rank: the last goes first. Work that names none is `batch`.",
        *(
            _table(f"[classes.{name}]", kind, comments=index == 0)
            for index, (name, kind) in enumerate(commons.classes.items())
        ),
        "# Users of this operating system. The owner of this folder may do everything.",
        _table("[roles]", commons.roles),
        "# A plugin's own settings stand in [plugins.NAME]; `shanyrak plugin info NAME` lists them.",
        _table("[plugins]", commons.plugins),
        *(_raw(f"[plugins.{name}]", table) for name, table in commons.plugins.tables.items()),
    ]
    text = "\n".join(parts)
    assert model.Commons.model_validate(_parsed(text)) == commons, "a written file reads back as it was"
    return text


def _table(header: str, table: object, comments: bool = True) -> str:
    from pydantic import BaseModel

    assert isinstance(table, BaseModel)
    lines = [header]
    shown = table.model_dump(mode="json", exclude_none=True)
    for key, field in type(table).model_fields.items():
        if field.exclude:
            continue
        comment = f"  # {field.description}" if comments and field.description else ""
        if key in shown:
            lines.append(f"{key} = {_value(shown[key])}{comment}")
        elif comment:
            lines.append(f"# {key}:{comment[3:]}")
    return "\n".join(lines) + "\n"


def _raw(header: str, table: Mapping[str, object]) -> str:
    import tomlkit

    return f"{header}\n{tomlkit.dumps(table)}"


def _value(value: object) -> str:
    """A string, whole number, boolean or list of them in TOML, whose basic strings are JSON's (DEL apart)."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _parsed(text: str) -> dict[str, object]:
    import tomllib

    return tomllib.loads(text)


def _beside(path: Path, text: str) -> Path:
    """A synced temporary file, 0600, in the folder of `path`."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems cannot; the rename itself is done
        pass
    finally:
        os.close(handle)


@contextmanager
def _locked(workspace: Path) -> Iterator[None]:
    """Two editors at once: the second waits."""
    handle = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)
