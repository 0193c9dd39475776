"""Shanyrak runs a shared AI supercomputer: the ring that holds every pole."""

__version__ = "0.1.0"
