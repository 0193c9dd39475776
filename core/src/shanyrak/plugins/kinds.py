"""The kinds of plugins that the core has hooks for: what `plugin new` renders and the conformance kit tests."""

from __future__ import annotations

from shanyrak.records import Kind


def _kind(name: str, hook: str, summary: str) -> Kind:
    return Kind(name, hook, summary, f"shanyrak.templates.{name}", f"shanyrak.testing.contracts.{name}")


KINDS = (
    _kind("admission", "shanyrak_decide_admission", "A rule that refuses requests, with the nearest that would pass."),
    _kind("command", "shanyrak_commands", "A verb of the command line, named as the plugin."),
    _kind("engine", "shanyrak_engines", "A way to run work."),
    _kind("meter", "shanyrak_meters", "Something that measures use beside the engine."),
    _kind("policy", "shanyrak_policies", "A way to decide what runs next."),
    _kind("store", "shanyrak_stores", "A place for the journal."),
)
