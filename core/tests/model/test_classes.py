"""Numbers of service classes when their order changes: work goes along with the name."""

from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.classes import renumbered, standard

names = st.lists(st.sampled_from(["batch", "learner", "public", "service", "x"]), min_size=1, unique=True)


def test_work_that_names_none_is_batch_else_of_the_first() -> None:
    assert standard(["learner", "batch", "public"]) == 1
    assert standard(["learner", "public"]) == 0


def test_old_work_without_a_class_is_batch() -> None:
    assert renumbered([], ["learner", "batch"]) == {0: 1}
    assert renumbered([], ["batch", "service"]) == {}


@given(names, names)
def test_each_keeps_its_name_and_what_is_gone_is_of_the_standard_class(before: list[str], after: list[str]) -> None:
    moved = renumbered(before, after)
    for old, name in enumerate(before):
        now = moved.get(old, old)
        assert now < len(after) or now == old == 0
        assert after[now] == name if name in after else now == standard(after)
