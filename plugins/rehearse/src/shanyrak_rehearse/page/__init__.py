"""The page with plots: one file, no network, light and dark."""

COLOURS = 7
"""Policies that can be told apart on one page: as many as `style.css` has colours."""
