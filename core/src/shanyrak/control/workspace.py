"""What a workspace is opened with: who asks, the plugins as it switches them, the store that it names."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from shanyrak.errors import UnfitProblem, UsageProblem
from shanyrak.exchange import StoreContext
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.journal.store import Store

if TYPE_CHECKING:
    from shanyrak.plugins.manager import PluginManager


def os_user() -> str:
    """The actor of what this process asks for."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid-{os.geteuid()}"


def default_manager(folder: Path) -> PluginManager:
    """The plugins as this workspace switches them."""
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.plugins.switches import read_switches

    return PluginManager(read_switches(folder, os.environ))


def open_store(folder: Path, url: str, manager: PluginManager, *, create: bool = False, wait_s: float = 20.0) -> Store:
    """The store that `[accounts] store` names. Relative paths are under the workspace."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        return SqliteStore(folder / rest, create=create, wait_s=wait_s)
    from shanyrak.plugins.loading import load
    from shanyrak.plugins.older import OlderStore, store_argument

    offer = manager.store(scheme)
    record = manager.record(offer.plugin)
    context = StoreContext(url, str(folder), manager.settings(offer.plugin), create, wait_s)
    api = record.api if record else ""
    store: Store = load(offer.record.target, offer.plugin)(store_argument(api, context))
    return OlderStore(store) if api == "1" else store


def empty_store(folder: Path, url: str, manager: PluginManager) -> Store:
    """A new store there. Raises UnfitProblem when it holds a journal already."""
    store = open_store(folder, url, manager, create=True)
    if store.tables():
        store.close()
        raise UnfitProblem(f"the store {url}", "it holds a journal already", "name another file or schema")
    return store


def refuse_used(folder: Path) -> None:
    """Raise UsageProblem when a workspace cannot be made in `folder`."""
    if (folder / "commons.toml").exists():
        raise UsageProblem(f"{folder}", "it is a workspace already", "use it with -C, or choose another folder")
    if folder.exists() and not folder.is_dir():
        raise UsageProblem(f"{folder}", "it is not a folder", "choose another name")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageProblem(f"{folder}", "it is not empty", "choose an empty or new folder")
