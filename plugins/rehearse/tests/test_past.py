"""The rule `archive`, and what is told of what it leaves out."""

from __future__ import annotations

from io import BufferedReader, BytesIO

import pytest
from rehearselab.traces import swf
from shanyrak.api import UsageProblem
from shanyrak_rehearse.past import Past, archive
from shanyrak_rehearse.readers.swf import read


def past(*lines: str, strict: bool = False) -> Past:
    return archive(read(BufferedReader(BytesIO("\n".join(lines).encode()))), strict)


def test_the_rule():
    kept = past(
        swf(1, 100, 50, 4, limit=60),
        swf(2, 100, -1, 4),
        swf(3, 100, 10, 0),
        swf(4, -1, 10, 1),
        swf(5, 90, 0, -1, allocated=3),
        swf(6, 100, 90, 2, limit=60),
    )
    assert [kept.label(row) for row in range(len(kept))] == ["5", "1", "6"]
    assert kept.submit.tolist() == [0, 10_000, 10_000]
    assert kept.run.tolist() == [1000, 50_000, 60_000]
    assert kept.limit.tolist() == [1000, 60_000, 60_000]
    assert kept.processors.tolist() == [3, 4, 2]
    assert kept.rows == 6
    assert kept.dropped == {"submission unknown": 1, "run time unknown": 1, "processors unknown or none": 1}
    assert kept.changed == {"run time below 1 s": 1, "no requested time": 1, "ran past its requested time": 1}


def test_strict_refuses_what_it_would_leave_out():
    with pytest.raises(UsageProblem, match="1 with run time unknown"):
        past(swf(1, 0, -1, 1), swf(2, 0, 1, 1), strict=True)
    assert len(past(swf(2, 0, 1, 1), strict=True)) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (swf(9, -50, 1, 1), "job 9 of the trace: its submission is -50 s"),
        (swf(9, 1, -2, 1), "its run time is -2 s"),
        (swf(9, 1, 2, 1, limit=-3), "its requested time is -3 s"),
        (swf(9, 1, 2, 1, wait=-4), "its wait is -4 s"),
    ],
)
def test_negative_times_are_wrong_not_unknown(line, words):
    with pytest.raises(UsageProblem, match=words):
        past(swf(1, 0, 1, 1, limit=1, wait=0), line)


def test_numbers_that_are_used_twice_give_way_to_places():
    kept = past(swf(7, 5, 1, 1), swf(7, 4, 1, 1))
    assert [kept.label(row) for row in range(2)] == ["2", "1"]


def test_nothing_left_is_an_error():
    with pytest.raises(
        UsageProblem, match="no job of it can be rehearsed: 1 with submission unknown, 1 with run time unknown"
    ):
        past(swf(1, 0, -1, 1), swf(1, -1, 1, 1))


def test_when_it_began():
    kept = past("; UnixStartTime: 1000", swf(1, 5, 1, 1))
    assert kept.origin == 1_005_000
    assert past(swf(1, 5, 1, 1)).origin is None
