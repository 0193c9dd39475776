"""The meter in a site."""

from __future__ import annotations

from pathlib import Path

from shanyrak.testing import Bench, installed, settle


def test_energy_stands_beside_the_account_with_its_label(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "site", finders=[installed("frugal")])
    bench.fund()
    bench.run(cpus=2)
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(10_000)
        bench.engine().finish(bench.engine().live()[0], cpu_ms=6_000)
        settle(controller)
    _, energy = bench.site.usage()
    assert (energy["amount"], energy["unit"], energy["method"]) == (160, "joule", "modelled")
    assert energy["covered_ms"] == energy["ran_ms"] == 10_000
