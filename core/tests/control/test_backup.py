"""Backup and restore: a whole workspace in one file, proved both ways."""

import io
import stat
import tarfile
from pathlib import Path

import pytest
from shanyrak.control.backup import backup, restore
from shanyrak.control.proofs import verify
from shanyrak.control.site import Site
from shanyrak.errors import UnfitProblem, UsageProblem
from shanyrak.testing.fakes import Bench, settle


def lived(bench: Bench) -> None:
    bench.run(array="0-2")
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)


def test_there_and_back(bench: Bench, tmp_path: Path) -> None:
    lived(bench)
    seq = backup(bench.site, tmp_path / "b.tar")
    assert seq == bench.site.events()[-1].seq
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    bench.run()
    assert restore(tmp_path / "b.tar", tmp_path / "again") == seq
    again = Site.open(tmp_path / "again", bench.manager())
    assert [e.hash for e in again.events()][:seq] == [e.hash for e in bench.site.events()][:seq]
    assert [e.type for e in again.events(seq)] == ["settings.changed"]
    assert again.token != bench.site.token, "attempts after the backup are of the old site alone"
    assert again.account() == {**bench.site.account()}
    assert stat.S_IMODE((tmp_path / "again").stat().st_mode) == 0o700
    again.close()
    assert all(proof["holds"] for proof in verify(tmp_path / "again", bench.manager()))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_secrets_are_not_in_it(bench: Bench, tmp_path: Path) -> None:
    (bench.site.secrets / "A").write_text("never-in-a-backup")
    backup(bench.site, tmp_path / "b.tar")
    assert b"never-in-a-backup" not in (tmp_path / "b.tar").read_bytes()


def test_nothing_is_overwritten(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(UsageProblem, match="it exists already"):
        backup(bench.site, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "mine"
    with pytest.raises(UsageProblem, match="there is no such folder"):
        backup(bench.site, tmp_path / "no" / "b.tar")
    backup(bench.site, tmp_path / "c.tar")
    for folder, words in (
        (bench.folder, "workspace already"),
        (tmp_path, "not empty"),
        (tmp_path / "c.tar", "not a folder"),
    ):
        with pytest.raises(UsageProblem, match=words):
            restore(tmp_path / "c.tar", folder)


def test_a_damaged_journal_makes_no_backup(bench: Bench, tmp_path: Path) -> None:
    with bench.site.journal.store.write() as rows:
        rows.run("UPDATE event SET actor = 'x' WHERE seq = 2")
    with pytest.raises(UnfitProblem, match=r"event 2 \(settings.changed\) was altered"):
        backup(bench.site, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
    with bench.site.journal.store.write() as rows:
        rows.run("UPDATE event SET actor = ? WHERE seq = 2", (bench.site.actor,))


def tar_of(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, body in members.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return path


def test_what_is_no_backup_is_told_and_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    backup(bench.site, tmp_path / "good.tar")
    whole = (tmp_path / "good.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tar").write_text("hello")
    (tmp_path / "empty.tar").write_bytes(b"")
    (tmp_path / "folder.tar").mkdir()
    tar_of(tmp_path / "half.tar", commons_toml=b"")
    for name in ("cut", "text", "empty", "folder", "half"):
        with pytest.raises(UsageProblem, match="not a backup of a workspace, or not all of it"):
            restore(tmp_path / f"{name}.tar", tmp_path / "new")
        assert not (tmp_path / "new").exists()
    with pytest.raises(UsageProblem, match="there is no such file"):
        restore(tmp_path / "none.tar", tmp_path / "new")
    tar_of(tmp_path / "wrong.tar", commons_toml=b"", journal_db=b"no journal" * 999)
    with pytest.raises(UnfitProblem, match="damaged"):
        restore(tmp_path / "wrong.tar", tmp_path / "new")
    assert not (tmp_path / "new").exists()
