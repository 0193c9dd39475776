"""Tests that install packages: each in an environment of its own (`tox run -e templates,oldest-core,wheels`), and only there."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("SHANYRAK_PACKAGES") else ["test_*.py"]
