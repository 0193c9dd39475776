"""Names that plugins, records and hooks may have."""

from __future__ import annotations

import re
from collections.abc import Iterable

GROUP = "shanyrak.plugins"
"""The one entry-point group. The key is the plugin's name."""

CORE_VERBS = frozenset(
    [
        "quickstart", "init", "up", "run", "ps", "why", "eta", "logs", "wait",
        "stop", "hold", "release", "pause", "resume", "project", "grant", "account", "node",
        "window", "policy", "plugin", "store", "usage", "events", "backup", "restore", "doctor", "verify",
    ]
)  # fmt: skip
"""Verbs of the core. A plugin's name is its command's name, so no plugin may be named like one."""

RESERVED = CORE_VERBS | {"disabled", "required", "allow", "plugins", "crash", "help", "core", "shanyrak"}
"""`disabled`, `required` and `allow` are keys of the table `[plugins]`, SHANYRAK_PLUGINS_* and SHANYRAK_CRASH_* variables
of the core's own; the others would mislead."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_name(text: object) -> bool:
    """Lower-case letters and digits, in parts joined by `-`, a letter first; 64 characters at most."""
    return isinstance(text, str) and len(text) <= 64 and _NAME.fullmatch(text) is not None


def is_dotted(text: object) -> bool:
    """`package.module:attribute`."""
    return isinstance(text, str) and _DOTTED.fullmatch(text) is not None


def is_module(text: object) -> bool:
    """`package.module`."""
    return isinstance(text, str) and _MODULE.fullmatch(text) is not None


def hook_prefix(plugin: str) -> str:
    """How the hooks that a plugin opens begin: `shanyrak_<plugin>_`."""
    return f"shanyrak_{plugin.replace('-', '_')}_"


def nearest(word: str, among: Iterable[str]) -> str:
    """The name that was probably meant, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(among), n=3, cutoff=0.6 if len(word) > 3 else 0.5)
    alike = [name for name in close if name[:1] == word[:1]]  # a slip is seldom in the first letter
    return (alike or close or [""])[0]


def did_you_mean(word: str, among: Iterable[str]) -> str:
    """`did you mean X?` for the end of a message, or nothing."""
    close = nearest(word, among)
    return f"did you mean `{close}`?" if close else ""
