"""The page with plots: one file, no network, light and dark."""
