"""The page: whole in itself, true to the report, the same each time; and its small drawings."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rehearselab.traces import swf
from shanyrak_rehearse.page.calendar import marks
from shanyrak_rehearse.page.series import _level
from shanyrak_rehearse.page.svg import by_log, element, round_steps

DAY = 86_400
VOID = {"meta", "br", "link"}


class Reader(HTMLParser):
    """Every element is closed; what is loaded from elsewhere is collected."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.elsewhere: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.elsewhere += [f"{key}={value}" for key, value in attrs if key in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def page(write, said_by, tmp_path):
    def make(*args: str) -> str:
        lines = [
            swf(i, 10 * i, 50 + 7 * (i % 9), 1 + i % 6, limit=300, wait=3, user=i % 5, group=i % 2)
            for i in range(1, 60)
        ]
        trace = write("; UnixStartTime: 900000000", "; Computer: <b>Big</b>", *lines, swf(99, 700, 10, 50))
        said_by(trace, "--pool", 8, "--html", tmp_path / "page.html", *args)
        return (tmp_path / "page.html").read_text()

    return make


def test_the_page_is_whole_in_itself(page):
    text = page("--policy", "fifo", "--policy", "easy", "--promises", "site")
    reader = read(text)
    assert reader.elsewhere == []
    assert not {"script", "link", "img", "iframe"} & set(reader.seen)
    assert "url(" not in text
    assert "@import" not in text
    assert reader.seen.count("svg") == 5, "the ring, time, waits by sector, waits by size, gains"
    assert "<b>Big" not in text, "what a trace says is text"
    assert "&lt;b&gt;Big" in text


def test_the_page_says_what_the_report_says(page):
    words = " ".join(read(page("--policy", "fifo", "--policy", "easy", "--promises", "site")).text.split())
    assert "Rehearsal of fifo and easy" in words
    assert "1 job asked for more than the machine has, not run: 99." in words
    for heading in (
        "Use and queue over time",
        "Waits by sector",
        "Who gains and who loses by easy",
        "Promises",
        "All figures",
    ):
        assert heading in words
    assert "Compare policies with each other" in words
    assert "nothing here is random" in words


def test_the_same_rehearsal_gives_the_same_page(page):
    assert page("--policy", "fifo", "--policy", "easy") == page("--policy", "fifo", "--policy", "easy")


def test_one_policy_alone_has_nobody_to_gain(page):
    text = page("--policy", "easy")
    assert "Who gains" not in text
    read(text)


# ---- the drawings ----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 500), st.integers(1, 9)), min_size=1, max_size=20))
def test_the_mean_level_of_each_stretch_is_exact(rows):
    begin, length, units = np.array(rows, np.int64).T
    edges = np.array([0, 10, 11, 400, 1500])
    found = _level(begin, begin + length, units, edges)
    for left, right, level in zip(edges[:-1], edges[1:], found, strict=True):
        area = sum(
            size * max(0, min(right, start + long) - max(left, start)) for start, long, size in rows
        )  # fmt: skip
        assert level == pytest.approx(area / (right - left), abs=1e-6)


def test_months_and_days_on_the_axis():
    assert marks(None, 3 * DAY) == [(0, "day 0"), (DAY, "day 1"), (2 * DAY, "day 2"), (3 * DAY, "day 3")]
    begin = 946_684_800_000  # the first of January 2000
    months = marks(begin, 200 * DAY)
    assert [words for _, words in months] == [
        "Jan 2000",
        "Feb 2000",
        "Mar 2000",
        "Apr 2000",
        "May 2000",
        "Jun 2000",
        "Jul 2000",
    ]
    assert months[1][0] == 31 * DAY
    assert [words for _, words in marks(begin, 2.2 * 366 * DAY)] == [
        "Jan 2000", "Jul 2000", "Jan 2001", "Jul 2001", "Jan 2002",
    ]  # fmt: skip
    assert [words for _, words in marks(begin, 7 * DAY)] == [f"0{day} Jan" for day in range(1, 9)]
    assert [words for _, words in marks(begin, DAY)] == [
        "01 Jan 00:00",
        "01 Jan 06:00",
        "01 Jan 12:00",
        "01 Jan 18:00",
        "02 Jan 00:00",
    ]
    assert all(len(marks(begin, days * DAY)) <= 10 for days in (0.1, 1, 9, 59, 61, 300, 900, 9000))


def test_scales_and_steps():
    x = by_log(86_400, 100, 900)
    assert x(0) == 100
    assert x(86_400) == pytest.approx(900)
    assert x(60) < x(600) < x(6000)
    assert round_steps(23.0) == [0.0, 10.0, 20.0]
    assert round_steps(0.0) == [0.0]
    assert re.fullmatch(
        r'<rect x="0.5" class="a&quot;b" stroke-width="2"/>', element("rect", x=0.5, class_='a"b', stroke_width=2)
    )
