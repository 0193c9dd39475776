"""The entry point of `shanyrak-postgres`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Plugin, Store, hookimpl

SUMMARY = "Keeps the journal in PostgreSQL"

PLUGIN = Plugin("postgres", "2", SUMMARY, settings="shanyrak_postgres.settings:Settings")

CLAIMS = ("backup",)
"""What the conformance kit holds it to. A full disk is the server's, which the kit cannot fill; the plugin's own tests do."""


@hookimpl
def shanyrak_stores() -> Iterable[Store]:
    """`postgres:dbname=... schema=...`, and `postgresql://HOST/NAME?schema=...`."""
    target, harness = "shanyrak_postgres.store:make", "shanyrak_postgres.harness:PostgresHarness"
    return [Store(scheme, SUMMARY, target, CLAIMS, harness) for scheme in ("postgres", "postgresql")]
