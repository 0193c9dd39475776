"""What every plugin is held to, whatever it adds."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from shanyrak import hookspecs
from shanyrak.errors import UsageProblem
from shanyrak.plugins.check import check
from shanyrak.plugins.discovery import find
from shanyrak.plugins.loading import load
from shanyrak.plugins.manager import COLLECTED
from shanyrak.plugins.probe import probe
from shanyrak.plugins.settings import settings_for, settings_model
from shanyrak.plugins.states import ACTIVE, WAITING
from shanyrak.plugins.switches import Switches
from shanyrak.testing.quiet import look
from shanyrak.testing.trial import Trial

MOST_FILES = 9
"""What `plugin new` may make of one kind."""


def test_it_loads(trial: Trial) -> None:
    """It is active, or waits for the plugin that opens a hook it implements; and nothing of it is flagged."""
    assert trial.state.state in (ACTIVE, WAITING), trial.state.reason
    notes = [note for note in trial.state.notes if not note.endswith("its opener")]
    assert notes == []


def test_its_import_is_light(trial: Trial) -> None:
    """In a process of its own: no pydantic, no numpy, no HTTP, nor anything else that data does not need."""
    seen = probe(trial.name)
    assert (seen.died, seen.error) == ("", "")
    assert seen.heavy == (), "import these in the functions that use them"


def test_its_import_prints_fetches_and_writes_nothing(trial: Trial) -> None:
    seen = look([str(trial.state.module).partition(":")[0]])
    assert seen.error == ""
    assert seen.printed == "", "an import prints nothing"
    assert seen.deeds == (), "an import fetches, starts and writes nothing"


def test_importing_what_it_names_prints_and_fetches_nothing(trial: Trial) -> None:
    """The modules of its records, which are imported when they are used."""
    seen = look(sorted({path.partition(":")[0] for path in named(trial)}))
    assert seen.error == ""
    assert seen.printed == ""
    assert [deed for deed in seen.deeds if not deed[1].startswith("open ")] == []


def test_all_that_it_names_resolves(trial: Trial) -> None:
    """Each dotted path leads to code that can be called as its record says."""
    wrong = [f"{one.check}: {one.words}" for one in check([trial.name], Switches()) if not one.ok]
    assert wrong == []


def test_no_hook_is_newer_than_the_api_it_was_written_for(trial: Trial) -> None:
    record = trial.manager.record(trial.name)
    assert record is not None
    newer = {
        hook: since
        for hook in trial.state.hooks
        if (spec := getattr(hookspecs, hook, None)) is not None and (since := since_of(spec)) > int(record.api)
    }
    assert newer == {}, f"its record says API {record.api}"
    if int(record.api) < 2:
        assert [one for hook in COLLECTED for one in trial.records(hook) if getattr(one, "capabilities", ())] == []


def test_its_settings_are_closed_and_survive_json(trial: Trial) -> None:
    """Closed, frozen, each key described and with a default; what is written as JSON reads back as it was."""
    record = trial.manager.record(trial.name)
    assert record is not None
    if not record.settings:
        pytest.skip("it has no settings")
    model = settings_model(record)
    made = model()
    assert model.model_validate_json(made.model_dump_json()) == made
    assert model.model_config.get("frozen"), "settings do not change after they were read"
    assert [key for key, field in model.model_fields.items() if not field.description] == []
    with pytest.raises(UsageProblem, match="unknown key"):
        settings_for(record, {"no-such-key": 1})


def test_what_it_claims_exists(trial: Trial) -> None:
    """Each capability that a record claims is one of its contract's."""
    for kind in trial.kinds:
        known = set(load(f"{kind.contract}:CAPABILITIES"))
        for record in trial.records(kind.implements):
            assert set(getattr(record, "capabilities", ())) <= known, f"{kind.name}: known are {sorted(known)}"


def test_hooks_that_it_opens_are_documented_and_have_a_kind(trial: Trial) -> None:
    """A hook for others comes with its docstring, a template for `plugin new`, and a contract."""
    opened = trial.manager.opened(trial.name)
    assert [hook for hook, documented in opened if not documented] == []
    kinds = {kind.implements: kind for kind in trial.all_kinds()}
    assert [hook for hook, _ in opened if hook not in kinds] == [], "give a Kind for each, by `shanyrak_kinds`"
    for hook, _ in opened:
        folder = find_spec(kinds[hook].templates)
        assert folder is not None and folder.submodule_search_locations, f"no package `{kinds[hook].templates}`"
        files = list(Path(folder.submodule_search_locations[0]).rglob("*.tmpl"))
        assert 0 < len(files) <= MOST_FILES
        contract: Any = import_module(kinds[hook].contract)
        assert hook == contract.HOOK
        assert [name for name in vars(contract) if name.startswith("test_")]


def test_it_comes_with_metadata(trial: Trial) -> None:
    """A distribution with a name, a version, and a summary of what it is."""
    (entry,) = next(found for found in find() if found.name == trial.name).entries
    said = entry.dist.metadata
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", said["Name"]) and said["Version"]
    assert trial.state.summary


def named(trial: Trial) -> list[str]:
    """Every dotted path of its records."""
    record = trial.manager.record(trial.name)
    assert record is not None
    paths = [record.settings]
    for hook in COLLECTED:
        for one in trial.records(hook):
            paths += [getattr(one, field, "") for field in ("target", "stages", "decide")]
    return [path for path in paths if path]


def since_of(spec: Any) -> int:
    """The version of the API that brought a hook."""
    found = re.search(r"Since API (\d+)", inspect.getdoc(spec) or "")
    assert found is not None
    return int(found[1])
