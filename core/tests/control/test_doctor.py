"""`doctor`: every finding with what to do, whatever is broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from shanyrak.control.doctor import SILENT_MS, Finding, _attempts, examine
from shanyrak.errors import UnfitProblem
from shanyrak.plugins.manager import PluginManager
from shanyrak.plugins.switches import Switches
from shanyrak.testing.fakes import Bench, fake_plugin, settle


def found(bench: Bench) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(bench.folder, bench.manager())}


def test_a_sound_site(bench: Bench) -> None:
    bench.folder.chmod(0o700)
    findings = found(bench)
    disk = findings.pop("the disk")
    assert disk.level in ("ok", "warn"), "how full this machine is, is its own affair"
    assert {finding.level for finding in findings.values()} == {"ok"}, findings
    assert {"plugin fake", "the workspace", "the journal", "the policy", "pool cpu", "the controller"} <= set(findings)
    assert findings["pool cpu"].words == "engine fake: 2 node(s) up"


def test_who_may_enter_and_read(bench: Bench) -> None:
    bench.folder.chmod(0o755)
    secret = bench.site.secrets / "A"
    secret.write_text("x")
    secret.chmod(0o644)
    (bench.site.secrets / "GONE").symlink_to(bench.folder / "nowhere")
    findings = found(bench)
    assert findings["the workspace"].level == "warn" and findings["the workspace"].fix.startswith("chmod 700")
    assert findings["secret A"].fix == f"chmod 600 {secret}"
    assert "the disk" in findings, "a link that leads nowhere ends nothing"


def test_a_journal_that_was_made_for_another_site(bench: Bench) -> None:
    file = bench.folder / "commons.toml"
    name = bench.site.commons.site.name
    file.write_text(file.read_text().replace(f'name = "{name}"', 'name = "another"', 1))
    words = f"it was made for the site {name!r}, and this one is 'another'"
    assert ("warn", words) in {(one.level, one.words) for one in examine(bench.folder, bench.manager())}


def test_a_journal_that_cannot_be_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as ever, by a standby for one."""

    @contextmanager
    def refused(store: object) -> Iterator[None]:
        raise UnfitProblem("the journal", "the server only reads", "name the primary")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(type(bench.site.journal.store), "write", refused)
        findings = examine(bench.folder, bench.manager())
    assert ("bad", "the server only reads") in {(one.level, one.words) for one in findings}


def test_a_sector_that_was_taken_out_while_projects_are_in_it(bench: Bench) -> None:
    bench.site.add_project("q", "learner", "An organisation")
    file = bench.folder / "commons.toml"
    kept = [part for part in file.read_text().split("\n[") if not part.startswith("sectors.learner]")]
    file.write_text("\n[".join(kept))
    finding = found(bench)["sector learner"]
    assert (finding.level, finding.fix) == ("warn", "add [sectors.learner] again")
    assert finding.words.startswith("1 project(s)")


@pytest.mark.parametrize("error", [RuntimeError("x"), SystemExit(1)])
def test_an_engine_that_raises_is_a_finding_and_the_rest_goes_on(bench: Bench, error: BaseException) -> None:
    bench.engine().fail("nodes", error)
    findings = found(bench)
    bench.engine().mend()
    assert findings["pool cpu"].level == "bad" and repr(error) in findings["pool cpu"].words
    assert "the disk" in findings


def test_nodes_that_are_down(bench: Bench) -> None:
    bench.engine().down("cpu-1")
    assert found(bench)["pool cpu"].words == "1 of 2 nodes are down: no heartbeat"


def test_attempts_of_which_an_engine_knows_nothing(bench: Bench) -> None:
    bench.run(), bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.engine().hide(bench.engine().starts[1])
        settle(controller)
        assert list(_attempts(bench.site)) == []
        bench.clock.advance(SILENT_MS + 60_000)
        (finding,) = _attempts(bench.site)
    assert finding.words == (
        "of 1 attempt(s), of workload 2 first, its engine has not been able to tell for 6m what became"
    )
    assert found(bench)["pool cpu: what runs"].level == "warn"


def test_an_account_that_does_not_balance(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "site")
    bench.fund("p")
    with bench.site.journal.store.write() as rows:
        rows.run("UPDATE balance SET amount = amount + 1 WHERE pot = 'left'")
    finding = found(bench)["the account"]
    assert finding.level == "bad" and "issued" in finding.words
    bench.site.close()


def test_what_is_no_workspace_is_one_bad_finding(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "site")
    bench.site.close()
    bad = [finding for finding in examine(tmp_path / "other", bench.manager()) if finding.level == "bad"]
    assert len(bad) == 1 and "commons.toml" in bad[0].subject


def test_a_policy_that_failed_three_times_in_a_row_shows(bench: Bench) -> None:
    decision = {"outcome": "fallback", "policy": "x 1", "cause": "it raised"}
    for count in range(3):
        assert ("see `shanyrak events`" in str(found(bench)["the policy"])) is False
        with bench.site.journal.write("controller") as writer:
            writer.append("decision.made", count, {**decision, "carry": []})
    assert "the core's kernel decides in place of x 1: it raised" in found(bench)["the policy"].words


def test_a_wrong_key_of_a_plugin_is_named(bench: Bench) -> None:
    manager = PluginManager(Switches(variables={"SHANYRAK_FAKE_X": "1"}), finder=lambda: [fake_plugin()])
    bad = [finding for finding in examine(bench.folder, manager) if finding.level == "bad"]
    assert ("SHANYRAK_FAKE_X", "this plugin has no settings") in [(one.subject, one.words) for one in bad]
