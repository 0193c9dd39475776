"""The entry point of `shanyrak-slurm`: data only."""

from __future__ import annotations

from shanyrak.api import Plugin

SUMMARY = "Runs work through a site's Slurm"

PLUGIN = Plugin("slurm", "2", SUMMARY, settings="shanyrak_slurm.settings:Settings")
