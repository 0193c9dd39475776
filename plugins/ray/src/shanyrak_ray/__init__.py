"""The entry point of `shanyrak-ray`: data only."""

from __future__ import annotations

from shanyrak.api import Plugin

SUMMARY = "Runs work as jobs of a Ray cluster, and Ray inside a job"

PLUGIN = Plugin("ray", "2", SUMMARY)
