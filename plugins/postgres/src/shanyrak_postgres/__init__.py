"""The entry point of `shanyrak-postgres`: data only."""

from __future__ import annotations

from shanyrak.api import Plugin

SUMMARY = "Keeps the journal in PostgreSQL"

PLUGIN = Plugin("postgres", "2", SUMMARY)
