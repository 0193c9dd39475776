"""One trial of one plugin: which contracts it is held to, with which records, and what it does not claim."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest

from shanyrak.errors import Problem, UnfitProblem
from shanyrak.plugins.kinds import KINDS
from shanyrak.plugins.loading import load
from shanyrak.plugins.manager import COLLECTED, Offer, PluginManager
from shanyrak.plugins.settle import CORE_HOOKS
from shanyrak.plugins.switches import read_switches
from shanyrak.records import Kind
from shanyrak.testing.harness import Harness


class Trial:
    """What pytest asks while the kit runs. Contracts of the kinds that the plugin implements are added to the tests."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        self.name, self.config = name, config
        self.manager = PluginManager(read_switches(None, os.environ), warn=lambda line: None)
        try:
            self.state = self.manager.state(name)
        except Problem as problem:
            raise pytest.UsageError(str(problem)) from None
        self.found: list[dict[str, str]] = []
        self.kinds = [kind for kind in self.all_kinds() if kind.implements in self.state.hooks]
        if self.state.api == "1":  # its stores are made from a URL alone, its meters were never asked
            self.kinds = [kind for kind in self.kinds if kind.name not in ("store", "meter")]
        self.of: dict[str, Kind] = {}
        """The kind by the file of its contract, and by those of the parts that this names in `PARTS`."""
        for kind in self.kinds:
            for module in (kind.contract, *getattr(import_module(kind.contract), "PARTS", ())):
                path = _file(module)
                self.of[path] = kind
                if path not in config.args:
                    config.args.append(path)

    def all_kinds(self) -> list[Kind]:
        """The core's kinds and those that plugins open."""
        return [*KINDS, *(offer.record for offer in self.manager.kinds().values())]

    def records(self, hook: str) -> list[Any]:
        """What the plugin gives for a hook: of the core, or one that a plugin opened. Nothing for one that judges."""
        if hook in CORE_HOOKS and hook not in COLLECTED:
            return []
        offers: list[Offer[Any]] = self.manager.collect(hook, COLLECTED.get(hook, object))
        return [offer.record for offer in offers if offer.plugin == self.name]

    def harness(self, record: Any) -> type[Harness]:
        """How the kit works with a record: the plugin's own class, or `HARNESS` of the contract."""
        if record.harness:
            return cast("type[Harness]", load(record.harness, self.name))
        kind = next(kind for kind in self.kinds if record in self.records(kind.implements))
        return cast("type[Harness]", load(f"{kind.contract}:HARNESS"))

    # ---- what pytest asks -----------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """`record`: each record for the hook that the kind implements."""
        if "record" in metafunc.fixturenames:
            records = self.records(self.of[str(metafunc.definition.path)].implements)
            metafunc.parametrize(
                "record", records, ids=[getattr(one, "name", "") or one.scheme for one in records], scope="session"
            )

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test of capabilities is run for records that claim them."""
        kind = self.of.get(str(item.path))
        item.user_properties.append(("contract", kind.name if kind else item.path.stem.removeprefix("test_")))
        asked = [mark.args[0] for mark in item.iter_markers("claim")]
        missing = [one for one in asked if one not in _claims(getattr(item, "callspec").params["record"])]  # noqa: B009
        if missing:
            pytest.skip(f"not claimed: {', '.join(missing)}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            words = report.longrepr[2] if isinstance(report.longrepr, tuple) else _last(report.longreprtext)
            self.found.append({"test": _title(report), "outcome": report.outcome, "words": words})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What was claimed and what was not, and the report for `plugin check`."""
        terminalreporter.section(f"conformance of {self.name} {self.state.version}")
        for line in self.lines():
            terminalreporter.line(line)
        report = self.config.getoption("--shanyrak-report")
        if report:
            Path(report).write_text(json.dumps(self.found))

    def lines(self) -> list[str]:
        """For each kind and record: the capabilities that are claimed, and those that are not."""
        if not self.kinds:
            return ["no kind of plugin that has a contract: the general suite alone"]
        said = []
        for kind in self.kinds:
            known: list[str] = list(load(f"{kind.contract}:CAPABILITIES"))
            if not known:
                said.append(kind.name)
            for record in self.records(kind.implements) if known else ():
                claimed = [one for one in known if one in _claims(record)]
                missing = [one for one in known if one not in _claims(record)]
                name = getattr(record, "name", "") or record.scheme
                words = f"{kind.name} {name}: claims {', '.join(claimed) or 'no capability'}"
                said.append(words + (f"; does not claim {', '.join(missing)}" if missing else ""))
        return said


@pytest.fixture(scope="session")
def trial(request: pytest.FixtureRequest) -> Trial:
    """This trial: the plugin's name, its state, the manager."""
    found = request.config.pluginmanager.get_plugin("shanyrak-trial")
    assert isinstance(found, Trial)
    return found


@pytest.fixture(scope="session")
def shared(trial: Trial, record: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What the harness of the record keeps for all tests."""
    # The harness of a kind that a plugin opened may be a class of its own.
    session = getattr(trial.harness(record), "session", Harness.session)
    with ExitStack() as stack:
        try:
            made = stack.enter_context(session(tmp_path_factory.mktemp("session"), trial.manager.settings(trial.name)))
        except UnfitProblem as problem:
            pytest.skip(str(problem))
        yield made


@pytest.fixture
def harness(trial: Trial, record: Any, shared: Any, tmp_path: Path) -> Iterator[Any]:
    """How the kit works with the record."""
    kind = trial.harness(record)
    sharing = type(kind.__name__, (kind,), {"shared": shared})  # it may need it from its first line on
    made = sharing(record, trial.name, tmp_path, trial.manager.settings(trial.name))
    yield made
    made.close()


def _claims(record: Any) -> tuple[str, ...]:
    claims: tuple[str, ...] = getattr(record, "capabilities", ())
    return claims


def _file(module: str) -> str:
    """The file of a contract."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise pytest.UsageError(f"there is no module `{module}` with the contract")
    return spec.origin


def _title(report: pytest.TestReport) -> str:
    """`test_launch_is_idempotent[local]` of the contract of engines as `engine: launch is idempotent [local]`."""
    test = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ").replace("[", " [")
    return f"{dict(report.user_properties)['contract']}: {test}"


def _last(text: str) -> str:
    """The line of a traceback that says what went wrong."""
    said = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return said[0] if said else (text.splitlines() or [""])[-1]
