"""The same key twice is the same workload; a refused one does not use its key up."""

import threading

import pytest
from shanyrak.errors import UsageProblem
from shanyrak.testing.fakes import Bench


def test_again_gives_the_first_one(bench: Bench) -> None:
    first = bench.run(key="k", walltime="90s", env={"A": "1"}, mem="1G", after=[])
    again = bench.run(key="k", walltime="1m30s", env={"A": "1"}, mem="1024M")
    assert (first.id, first.existing, again.id, again.existing) == (1, False, 1, True)
    assert bench.types().count("workload.submitted") == 1


@pytest.mark.parametrize("other", [{"walltime": "91s"}, {"command": ["false"]}, {"cpus": 2}, {"env": {"A": "2"}}])
def test_something_else_under_the_key_is_an_error(bench: Bench, other: dict[str, object]) -> None:
    bench.run(key="k", walltime="90s")
    with pytest.raises(UsageProblem, match="field 'key': 'k': workload 1 has it and asks for something else"):
        bench.run(**{"key": "k", "walltime": "90s", **other})


def test_keys_are_each_projects_own(bench: Bench) -> None:
    bench.fund("q")
    assert bench.run("p", key="k").id == 1
    assert bench.run("q", key="k").id == 2


def test_a_key_holds_after_the_end(bench: Bench) -> None:
    bench.run(key="k")
    bench.site.stop(1)
    again = bench.run(key="k")
    assert (again.id, again.state, again.existing) == (1, "cancelled", True)


def test_a_refused_request_has_an_id_and_leaves_its_key(bench: Bench) -> None:
    no = bench.run(key="k", cpus=99)
    assert (no.id, no.state) == (1, "refused")
    yes = bench.run(key="k", cpus=1)
    assert (yes.id, yes.state, yes.existing) == (2, "queued", False)


def test_twice_in_one_batch(bench: Bench) -> None:
    request = {"project": "p", "command": ["true"], "key": "k"}
    assert [(r.id, r.existing) for r in bench.site.submit_many([request, request])] == [(1, False), (1, True)]


def test_at_once_from_many_connections(bench: Bench) -> None:
    sites = [bench.open() for _ in range(6)]
    found: list[int] = []

    def submit(number: int) -> None:
        request = {"project": "p", "command": ["true"], "key": "k"}
        found.append(sites[number].submit(request).id)

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for site in sites:
        site.close()
    assert found == [1] * 6 and bench.types().count("workload.submitted") == 1
