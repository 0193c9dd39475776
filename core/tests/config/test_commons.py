"""commons.toml: what a good file gives, and the one line that each kind of bad file gets."""

from __future__ import annotations

import pytest
from shanyrak.config.commons import SECTORS, Commons, load_commons
from shanyrak.config.fields import units_of
from shanyrak.config.light import find_workspace, plugin_tables, require_workspace
from shanyrak.config.params import params
from shanyrak.errors import Problem, UnfitProblem, UsageProblem

POOL = """
[[pools]]
name = "h200"
unit = "gpu"
nodes = 64
units = 8
cpus = 128
memory = "2T"
"""


def load(tmp_path, text: str | bytes) -> Commons:
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "commons.toml").write_bytes(data)
    return load_commons(tmp_path)


def test_a_file_with_one_pool_is_enough(tmp_path):
    commons = load(tmp_path, POOL)
    pool = commons.pools[0]
    assert (pool.name, pool.engine, pool.unit, pool.total, pool.memory) == (
        "h200",
        "local",
        "gpu",
        512,
        2**41,
    )
    assert commons.policy.active == "easy"
    assert commons.policy.deadline == 2000
    assert commons.accounts.half_life == 7 * 86_400_000
    assert commons.accounts.default_walltime == 3_600_000
    assert tuple(commons.sectors) == SECTORS


def test_named_sectors_are_all_there_are(tmp_path):
    commons = load(tmp_path, POOL + '[sectors.school]\nweight = 3\nfloor = "25%"\ncap = 100\n')
    assert list(commons.sectors) == ["school"]
    school = commons.sectors["school"]
    assert (school.weight, units_of(school.floor, 512), units_of(school.cap, 512)) == (3, 128, 100)


CLASSES = """
[classes.learner]
promise = "never"
[classes.batch]
[classes.public]
promise = "always"
sectors = ["public"]
[policy]
large = "10%"
depth = 3
[policy.settings]
age_weight = 5
order = "fair"
"""


def test_classes_rank_in_the_order_of_the_file_and_become_masks(tmp_path):
    commons = load(tmp_path, POOL + POOL.replace("h200", "old").replace("64", "4") + CLASSES)
    assert [(name, c.promise) for name, c in commons.classes.items()] == [
        ("learner", "never"), ("batch", "large"), ("public", "always"),
    ]  # fmt: skip
    assert params(commons) == {
        "age_weight": 5, "order": "fair", "margin": 60_000, "depth": 3, "half_life": 7 * 86_400_000,
        "promise_classes": 0b100, "promise_never": 0b001, "promise_units": 3,
    }  # fmt: skip


def test_without_a_table_services_and_large_work_are_promised_a_start(tmp_path):
    told = params(load(tmp_path, POOL))
    assert (told["promise_classes"], told["promise_never"], told["promise_units"]) == (0b10, 0, 128)
    assert params(load(tmp_path, POOL + "[policy]\nlarge = 0\n"))["promise_units"] == 0, "all work"
    assert params(load(tmp_path, POOL + "[policy]\nlarge = '0%'\n"))["promise_units"] == 0
    two = POOL + POOL.replace("h200", "old").replace("64", "1") + "[policy]\nlarge = 64\n"
    assert params(load(tmp_path, two))["promise_units"] == 64, "a number is itself, whatever a pool has"
    small = POOL.replace("64", "1").replace("units = 8", "units = 2")
    assert params(load(tmp_path, small))["promise_units"] == 1, "a share is never of nothing"


def test_shares_round_down_and_stay_within_the_whole():
    assert units_of("33%", 10) == 3
    assert units_of(64, 10) == 10
    assert units_of("100%", 7) == 7


def test_plugin_tables_pass_through_unread(tmp_path):
    commons = load(tmp_path, POOL + '[plugins]\ndisabled = ["ray"]\nrequired = ["local"]\n[plugins.local]\nany = 1\n')
    assert commons.plugins.disabled == ("ray",)
    assert commons.plugins.required == ("local",)
    assert commons.plugins.tables == {"local": {"any": 1}}


BAD = {
    "unknown table": (POOL + "[polcy]\n", "polcy: unknown key. Did you mean `policy`?"),
    "unknown key": (
        POOL + "[policy]\nactve = 'easy'\n",
        "[policy] actve: unknown key. Did you mean `active`?",
    ),
    "unknown key in a pool": (
        POOL + "node = 4\n",
        "[[pools]] number 1 node: unknown key. Did you mean `nodes`?",
    ),
    "unknown key in a sector": (
        POOL + "[sectors.startup]\nwieght = 2\n",
        "[sectors.startup] wieght: unknown key. Did you mean `weight`?",
    ),
    "unknown key of plugins": (
        POOL + "[plugins]\ndisable = ['x']\n",
        "[plugins] disable: unknown key. Did you mean `disabled`?",
    ),
    "no pool": ("[site]\nname = 'x'\n", "pools: it is missing. Add it."),
    "empty": ("", "pools: it is missing"),
    "missing key": (
        "[[pools]]\nname='a'\nunit='cpu'\ncpus=4\nmemory='4G'\n",
        "[[pools]] number 1 units: it is missing",
    ),
    "negative": (
        POOL.replace("64", "-64"),
        "[[pools]] number 1 nodes: -64: input should be greater than or equal to 1",
    ),
    "huge": (
        POOL.replace("64", "99999999999"),
        "[[pools]] number 1 nodes: 99999999999: input should be less",
    ),
    "text for a number": (
        POOL.replace("64", "'64'"),
        "[[pools]] number 1 nodes: '64': input should be a valid integer",
    ),
    "truth for a number": (
        POOL.replace("64", "true"),
        "[[pools]] number 1 nodes: True: input should be a valid integer",
    ),
    "fraction of a node": (
        POOL.replace("64", "1.5"),
        "[[pools]] number 1 nodes: 1.5: input should be a valid integer",
    ),
    "unknown unit": (
        POOL.replace("gpu", "tpu"),
        "[[pools]] number 1 unit: 'tpu': input should be 'gpu' or 'cpu'",
    ),
    "bad memory": (
        POOL.replace("2T", "much"),
        "[[pools]] number 1 memory: `much` is not an amount of memory",
    ),
    "little memory": (POOL.replace("2T", "1K"), "[[pools]] number 1 memory: "),
    "number for a duration": (
        POOL + "[accounts]\nhalf_life = 7\n",
        "[accounts] half_life: 7: write a duration as text",
    ),
    "bad duration": (
        POOL + "[accounts]\nhalf_life = '7 moons'\n",
        "[accounts] half_life: `7 moons` is not a duration",
    ),
    "no half life": (POOL + "[accounts]\nhalf_life = '0s'\n", "[accounts] half_life: "),
    "bad name": (POOL.replace("h200", "H 200"), "[[pools]] number 1 name: 'H 200': use lower-case letters"),
    "two of a name": (POOL + POOL, "two pools are named 'h200'"),
    "bad share": (
        POOL + "[sectors.a]\nfloor = '110%'\n",
        "[sectors.a] floor: '110%': write a number of units",
    ),
    "floors over all": (
        POOL + "[sectors.a]\nfloor = '60%'\n[sectors.b]\nfloor = '60%'\n",
        "the floors of all sectors are more than 100% together",
    ),
    "switch not a list": (
        POOL + "[plugins]\ndisabled = 'x'\n",
        "[plugins] disabled: 'x': input should be a valid tuple",
    ),
    "pools a table": ("[pools]\nname = 'a'\n", "pools: input should be a valid tuple"),
    "unknown promise": (
        POOL + "[classes.a]\npromise = 'often'\n",
        "[classes.a] promise: 'often': input should be 'always', 'large' or 'never'",
    ),
    "a class for a sector that is not there": (
        POOL + "[classes.a]\nsectors = ['nobody']\n",
        "class 'a' names the sector 'nobody', which is not declared",
    ),
    "a fraction as a setting": (
        POOL + "[policy.settings]\nage = 0.5\n",
        "[policy.settings] age: 0.5: a setting is a whole number or a text",
    ),
    "a table as a setting": (POOL + "[policy.settings.age]\nx = 1\n", "[policy.settings] age: a setting is a whole"),
    "a setting in capitals": (POOL + "[policy.settings]\nAge = 1\n", "[policy.settings] Age"),
    "a setting that is the core's": (
        POOL + "[policy.settings]\nmargin = 5\n",
        "[policy] settings: 'margin' is what the core tells every policy",
    ),
    "no depth": (POOL + "[policy]\ndepth = 0\n", "[policy] depth: 0: input should be greater than or equal to 1"),
    "bad store": (
        POOL + "[accounts]\nstore = 'journal'\n",
        "[accounts] store: 'journal': string should match",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_line_with_file_key_and_what_is_wrong(tmp_path, kind):
    text, words = BAD[kind]
    with pytest.raises(UsageProblem) as caught:
        load(tmp_path, text)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path}/commons.toml: {words}")
    assert "\n" not in line
    assert "pydantic" not in line


def test_more_faults_are_counted(tmp_path):
    with pytest.raises(UsageProblem, match="2 more faults follow"):
        load(tmp_path, POOL.replace("64", "0").replace("128", "0").replace("2T", "x"))


UNREADABLE = {
    "syntax": (POOL + "x = = 3\n", "not TOML: invalid value (at line 9, column 5). Correct that line."),
    "twice": (POOL + "name = 'b'\n", "not TOML: cannot overwrite a value (at line 9"),
    "cut": (POOL[:-3], "not TOML: "),
    "binary": (b"\x00\x01\xff\xfe", "not UTF-8 text (byte 2)"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_damaged_file_is_named_with_its_place(tmp_path, kind):
    text, words = UNREADABLE[kind]
    with pytest.raises(UnfitProblem) as caught:
        load(tmp_path, text)
    assert f"{tmp_path}/commons.toml: {words}" in str(caught.value)


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "commons.toml").mkdir()
    with pytest.raises(UnfitProblem, match="it is a folder"):
        load_commons(tmp_path)


def test_the_light_reader_never_raises(tmp_path):
    assert plugin_tables(tmp_path) == ({}, "")
    for text, _ in UNREADABLE.values():
        (tmp_path / "commons.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        tables, trouble = plugin_tables(tmp_path)
        assert tables == {}
        assert str(tmp_path) in trouble
    (tmp_path / "commons.toml").write_text("plugins = 3")
    assert plugin_tables(tmp_path) == ({}, f"{tmp_path}/commons.toml: `plugins` is not a table")


def test_the_workspace_is_the_named_one_else_the_variable_else_the_nearest_above(tmp_path):
    deep = tmp_path / "site" / "a" / "b"
    deep.mkdir(parents=True)
    other = tmp_path / "other"
    (tmp_path / "site" / "commons.toml").write_text(POOL)
    assert find_workspace(str(other), {"SHANYRAK_DIR": "/x"}, deep) == other
    assert find_workspace(None, {"SHANYRAK_DIR": str(other)}, deep) == other
    assert find_workspace(None, {}, deep) == tmp_path / "site"
    assert find_workspace(None, {"SHANYRAK_DIR": ""}, deep) == tmp_path / "site"


def test_no_workspace_is_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(Problem, match="it has no commons.toml. Make one with `shanyrak init") as caught:
        require_workspace(str(tmp_path), {})
    assert caught.value.exit_code == 6
    with pytest.raises(UnfitProblem, match="there is no such folder"):
        require_workspace(str(tmp_path / "gone"), {})
    with pytest.raises(UnfitProblem, match="no commons.toml here or above"):
        require_workspace(None, {}, tmp_path)
