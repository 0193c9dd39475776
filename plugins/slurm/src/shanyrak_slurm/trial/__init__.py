"""A whole throw-away Slurm on loopback: to try the engine, and for its tests."""

from __future__ import annotations

from shanyrak_slurm.trial.cluster import Cluster, lacking

__all__ = ["Cluster", "lacking"]
