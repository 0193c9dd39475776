"""The first run: real programs, small open data, and the plan of who submits what."""
