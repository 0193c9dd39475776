"""The reference is what the code says, and every hook has its page, an example that runs, and a test."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
from shanyrak.exchange import Refusal, Request
from shanyrak.plugins.record_check import fault

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def made(name: str) -> ModuleType:
    """A module of docs/make, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_make_{name}", DOCS / "make" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = made("reference")
PAGES = [page for page in sorted((DOCS / "reference").glob("*.md")) if REFERENCE.PART.search(page.read_text())]
SPECS = {
    name: function
    for module in (importlib.import_module("shanyrak.hookspecs"), *REFERENCE.opened())
    for name, function in REFERENCE.specs(module)
}
OURS = {"shanyrak_commands", "shanyrak_engines", "shanyrak_policies", "shanyrak_decide_admission", "shanyrak_on_event"}
EXAMPLES = dict(
    re.findall(
        r"^## (shanyrak_\w+)$.*?^```python\n(.*?)^```$",
        (DOCS / "write-a-plugin" / "examples.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
)
TESTS = "\n".join(
    path.read_text()
    for folder in ("core/tests", "tests", "plugins")
    for path in (ROOT / folder).rglob("test_*.py")
    if path != Path(__file__)
)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_page_is_what_the_code_says(page):
    text = page.read_text()
    assert REFERENCE.renewed(text) == text, "run `python docs/make/reference.py`"


def test_each_part_is_on_a_page():
    used = [part for page in PAGES for _, part, _ in REFERENCE.PART.findall(page.read_text())]
    assert sorted(used) == sorted(REFERENCE.PARTS)


def test_the_hooks_are_found():
    assert set(SPECS) >= OURS


def test_each_example_is_of_a_hook():
    assert set(EXAMPLES) == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_a_hook_has_its_page(name):
    assert f"| `{name}(" in (DOCS / "reference" / "hooks.md").read_text()


@pytest.mark.parametrize("name", SPECS)
def test_a_hook_has_a_test(name):
    assert re.search(rf"def {name}\(", TESTS), f"no test has a plugin that implements {name}"


@pytest.mark.parametrize("name", SPECS)
def test_a_hook_has_an_example_that_runs(name):
    module: dict[str, object] = {}
    exec(compile(EXAMPLES[name], f"example of {name}", "exec"), module)
    function = module[name]
    assert callable(function) and hasattr(function, "shanyrak_impl"), "it lacks @hookimpl"
    assert set(inspect.signature(function).parameters) <= set(inspect.signature(SPECS[name]).parameters)
    if REFERENCE.class_of(inspect.getdoc(SPECS[name])) in ("collect", "services"):
        records = function()
        assert records
        for record in records:
            kind = type(record)
            assert kind.__name__ in str(inspect.signature(SPECS[name]).return_annotation)
            assert not fault(record, kind)


def test_the_examples_of_rules_and_observers_do_what_they_say():
    module: dict[str, object] = {}
    exec(EXAMPLES["shanyrak_decide_admission"], module)
    day = Request("p", "startup", "a", "gpu", "gpu", 1, 1, 1, 86_400_000, {}, 0)
    longer = Request("p", "startup", "a", "gpu", "gpu", 1, 1, 1, 86_400_001, {}, 0)
    keyed = Request("p", "startup", "a", "gpu", "gpu", 1, 1, 1, 86_400_001, {"key": "k"}, 0)
    decide = module["shanyrak_decide_admission"]
    assert decide(day) is None and decide(keyed) is None
    assert isinstance(decide(longer), Refusal)
    exec(EXAMPLES["shanyrak_on_event"], module)
    module["shanyrak_on_event"]({"seq": 7, "type": "attempt.ended"})
    module["shanyrak_on_event"]({"seq": 8, "type": "attempt.started"})
    assert module["ENDED"] == [7]
