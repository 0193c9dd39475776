"""What every command is given as `click.Context.obj`: where the workspace is, and the plugins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shanyrak.config.commons import Commons
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.plugins.switches import Switches


class Frame:
    """One call of the command line. Everything is found on use, so that `--version` needs nothing."""

    def __init__(self, given: str | None = None, env: Mapping[str, str] | None = None) -> None:
        self.given = given
        self.env = os.environ if env is None else env

    @property
    def folder(self) -> Path | None:
        """The folder that -C, SHANYRAK_DIR or the nearest commons.toml names; None when nothing does."""
        from shanyrak.config.light import find_workspace

        return find_workspace(self.given, self.env)

    def workspace(self) -> Path:
        """The folder of an existing workspace, or UnfitProblem."""
        from shanyrak.config.light import require_workspace

        return require_workspace(self.given, self.env)

    def commons(self) -> Commons:
        """The site's file, validated, or a Problem."""
        from shanyrak.config.commons import load_commons

        return load_commons(self.workspace())

    @cached_property
    def plugins(self) -> PluginManager:
        """The plugins as this workspace and environment switch them. Made once for a call."""
        from shanyrak.plugins.manager import PluginManager

        return PluginManager(self.switches)

    @cached_property
    def switches(self) -> Switches:
        """What a person switched off or requires, here."""
        from shanyrak.plugins.switches import read_switches

        return read_switches(self.folder, self.env)


pass_frame = click.make_pass_decorator(Frame)
"""Decorator: the command's first argument is its Frame."""
