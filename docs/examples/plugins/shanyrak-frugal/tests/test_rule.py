"""The rule in a site."""

from __future__ import annotations

from pathlib import Path

from shanyrak.testing import Bench, installed


def test_what_is_too_much_is_refused_with_what_would_pass(tmp_path: Path) -> None:
    tables = {"plugins": {"frugal": {"most_unit_hours": 4}}}
    bench = Bench(tmp_path / "site", tables=tables, finders=[installed("frugal")])
    bench.fund()
    assert bench.run(cpus=2, walltime="2h").state == "queued"
    refused = bench.run(cpus=2, walltime="3h")
    assert (refused.state, refused.reason) == ("refused", "frugal.area")
    assert refused.nearest == "the same with --walltime 7200s"
