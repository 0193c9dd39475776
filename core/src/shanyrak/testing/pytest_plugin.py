"""The pytest plugin of the conformance kit: `pytest --pyargs shanyrak.testing.conformance --shanyrak-plugin NAME`.

It is known to every pytest in an environment with the core, so it imports nothing until a plugin is named.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "shanyrak.testing.contracts", "shanyrak.testing.engine_harness", "shanyrak.testing.harness"
)

KIT = "shanyrak.testing.conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("shanyrak", "conformance of a Shanyrak plugin")
    group.addoption(
        "--shanyrak-plugin", metavar="NAME", help=f"the installed plugin to try: --pyargs {KIT} --shanyrak-plugin NAME"
    )
    group.addoption("--shanyrak-report", metavar="FILE", help="write what was found as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claim(capability): run for plugins that claim it")
    name = config.getoption("--shanyrak-plugin")
    if name:
        from shanyrak.testing import trial

        config.pluginmanager.register(trial)  # its fixtures
        config.pluginmanager.register(trial.Trial(config, name), "shanyrak-trial")
    elif KIT in config.args:
        raise pytest.UsageError(f"name an installed plugin: pytest --pyargs {KIT} --shanyrak-plugin NAME")
