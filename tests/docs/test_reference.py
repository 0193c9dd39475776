"""The reference pages name all that the code has, and nothing that it has not."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from shanyrak import hookspecs
from shanyrak.config.commons import Commons, Pool, Sector, ServiceClass
from shanyrak.journal.fold import CHANGES
from shanyrak.model import reasons, states
from shanyrak.model.workload import Retry, Spec
from shanyrak.plugins.manager import PluginManager
from shanyrak.plugins.settings import described, markdown
from shanyrak.policy.reasons import Why

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = DOCS / "reference"


def first_cells(text: str) -> list[str]:
    """The first word in backquotes of each row of the tables in `text`."""
    return re.findall(r"^\| `([^`(]+)[^|]*\|", text, re.MULTILINE)


def section(text: str, start: str, end: str = "") -> str:
    after = text[text.index(start) :]
    return after[: after.index(end)] if end else after


def test_every_event_type_is_on_its_page():
    listed = first_cells((REFERENCE / "events.md").read_text())
    assert sorted(listed) == sorted(CHANGES)


def test_every_hook_is_on_its_page_with_its_class():
    text = (REFERENCE / "hooks.md").read_text()
    hooks = {name: spec for name, spec in inspect.getmembers(hookspecs) if name.startswith("shanyrak_")}
    rows = dict(re.findall(r"^\| `(shanyrak_\w+)\([^|]*\| (\w+) \|", text, re.MULTILINE))
    assert set(hooks) <= set(rows), "the hooks that plugins open stand there too"
    for name in hooks:
        assert f"Class: {rows[name]}." in inspect.getdoc(hooks[name])
        parameters = ", ".join(inspect.signature(hooks[name]).parameters)
        assert f"`{name}({parameters})`" in text


def test_every_reason_to_wait_is_on_the_pages():
    bits = [bit.name for bit in Why]
    assert first_cells(section((REFERENCE / "hooks.md").read_text(), "| bit |")) == bits
    use = (DOCS / "use" / "README.md").read_text()
    rules = first_cells(section(use, "| rule | means |", "`shanyrak eta 12`"))
    assert sorted(rules) == sorted(bit.lower() for bit in bits)


def test_the_states_are_drawn_as_they_are():
    text = (REFERENCE / "states.md").read_text()
    table = section(text, "| from | to |", "What ended first")
    drawn = {
        line.split("|")[1].strip(" `"): set(re.findall(r"`(\w+)`", line.split("|")[2]))
        for line in table.splitlines()
        if line.startswith("| `")
    }
    assert drawn == {state: set(moves) for state, moves in states.MOVES.items() if moves}
    ends = first_cells(section(text, "| end | means |", "Each state carries"))
    assert set(ends) == states.ENDED
    codes = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    assert set(first_cells(section(text, "| reason | with |", "While it waits"))) == codes


def test_every_field_of_a_spec_is_in_the_docs():
    use = section((DOCS / "use" / "README.md").read_text(), "| field | flag |", "A field that does not exist")
    fields = {field.alias or name for name, field in Spec.model_fields.items()} - {"retry"}
    fields |= {f"retry.{name}" for name in Retry.model_fields}
    assert set(first_cells(use)) == fields


@pytest.mark.parametrize(
    ("table", "model"), [("[[pools]]", Pool), ("[sectors.NAME]", Sector), ("[classes.NAME]", ServiceClass)]
)
def test_every_key_of_a_table_is_in_the_docs(table, model):
    assert keys()[table] == set(model.model_fields)


def test_every_key_of_commons_toml_is_in_the_docs():
    documented = keys()
    for name in ("site", "policy", "accounts", "roles", "plugins"):
        wanted = set(Commons.model_fields[name].annotation.model_fields) - {"tables", "settings"}
        assert documented[f"[{name}]"] == wanted


@pytest.mark.parametrize("name", [path.parent.name for path in sorted(DOCS.parent.glob("plugins/*/README.md"))])
def test_the_page_of_a_plugin_has_its_settings_as_they_are(name):
    """`shanyrak plugin info NAME --markdown` prints the table."""
    record = PluginManager().record(name)
    if record is None:
        pytest.skip(f"the plugin {name} is not installed here")
    settings = described(record)
    if settings:
        assert markdown(settings) in (DOCS.parent / "plugins" / name / "README.md").read_text()


def keys() -> dict[str, set[str]]:
    """The keys of each table of commons.toml as docs/operate lists them."""
    text = section((DOCS / "operate" / "README.md").read_text(), "| table | key |", "**Service classes**")
    found: dict[str, set[str]] = {}
    table = ""
    for line in text.splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")]
        if len(cells) < 5 or cells[1] == "table" or set(cells[1]) == {"-"}:
            continue
        table = cells[1] or table
        found.setdefault(table, set())
        if cells[2]:
            found[table].add(cells[2])
    return found
