"""Each form of past work, with what is odd in it."""

from __future__ import annotations

import gzip
from io import BufferedReader, BytesIO

import pytest
from rehearselab.traces import swf
from shanyrak.api import Trace
from shanyrak_rehearse.readers import sacct, table
from shanyrak_rehearse.readers import swf as swf_reader


def stream(text: str) -> BufferedReader:
    return BufferedReader(BytesIO(text.encode()))


def column(trace: Trace, name: str) -> list[int]:
    return trace.columns[name].tolist()


def named(trace: Trace, name: str) -> list[str]:
    return [trace.names[name][index] if index >= 0 else "" for index in column(trace, name)]


# ---- SWF ------------------------------------------------------------------------------------------------------


def test_swf_with_its_header():
    trace = swf_reader.read(stream(
        "; Computer: A big one\n;  MaxProcs: 64\n; UnixStartTime: 1000\n; Queue: 3 night\n;\n"
        + swf(7, 10, 20, 4, limit=60, wait=5, user=12, group=2, queue=3) + "\n"
    ))  # fmt: skip
    assert {name: values.tolist() for name, values in trace.columns.items()} == {
        "job": [7], "submit": [10_000], "wait": [5000], "run": [20_000], "limit": [60_000], "processors": [4],
        "account": [0], "sector": [0], "class": [0],
    }  # fmt: skip
    assert (trace.names["account"], trace.names["sector"], trace.names["class"]) == (
        ("user 12",),
        ("group 2",),
        ("night",),
    )
    assert trace.facts == {"computer": "A big one", "processors": "64", "start": "1000000"}


def test_swf_without_header_with_21_fields_fractions_and_blanks():
    lines = ["", swf(1, 0.5, 1.25, 1) + " 4 100.0 frontier:excl:2500x112", "   " + swf(2, 3, -1, 2).replace(" ", "   ")]
    trace = swf_reader.read(stream("\n".join(lines)))
    assert column(trace, "submit") == [500, 3000]
    assert column(trace, "run") == [1250, -1]
    assert "wait" not in trace.columns, "a column that nobody knows is not there"


def test_swf_in_pieces_is_as_in_one(monkeypatch):
    text = "".join(swf(i, 3 * i, i % 7, 1 + i % 5, user=i % 3) + "\n" for i in range(1, 200))
    whole = swf_reader.read(stream(text))
    monkeypatch.setattr(swf_reader, "PIECE", 101)
    parts = swf_reader.read(stream(text))
    assert {name: values.tolist() for name, values in whole.columns.items()} == {
        name: values.tolist() for name, values in parts.columns.items()
    }


def test_swf_says_which_line_is_wrong():
    with pytest.raises(ValueError, match="line 3 has 4 fields, not 18 or more"):
        swf_reader.read(stream(f"; a\n{swf(1, 0, 1, 1)}\n1 2 3 4\n"))
    with pytest.raises(ValueError, match="line 2: field 4 is 'long', not a number"):
        swf_reader.read(stream("; a\n" + swf(1, 0, 1, 1).replace(" 1 ", " long ", 1) + "\n"))


def test_swf_is_known_by_its_first_line():
    assert swf_reader.sniff(b"; hello\n\n" + swf(1, 0, 1, 1).encode())
    assert not swf_reader.sniff(b"timestamp,duration\n")
    assert not swf_reader.sniff(b"1 2 3\n")


# ---- CSV ------------------------------------------------------------------------------------------------------


def test_a_table_as_the_philly_trace_is():
    trace = table.read(stream(
        "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,1,66.0,b\n1970-01-01 00:00:01,5.5,8,44,a\n"
    ))  # fmt: skip
    assert column(trace, "submit") == [1_507_532_515_000, 1000]
    assert column(trace, "run") == [66_000, 5500]
    assert column(trace, "processors") == [1, 8]
    assert named(trace, "account") == ["b", "a"]
    assert trace.facts == {"start": "0"}, "its times are dates"


def test_a_table_by_other_headings_with_zones_and_clocks():
    trace = table.read(stream(
        "Job,Submit,Run,Processors,Walltime,Project,Sector\n"
        'x,2026-01-01T06:00:00+06:00,1:30,2,1-00:00:00,"a, b",public\ny,2026-01-01T00:00:01Z,,1,,c,\n'
    ))  # fmt: skip
    assert column(trace, "submit") == [1_767_225_600_000, 1_767_225_601_000]
    assert column(trace, "run") == [90_000, -1]
    assert column(trace, "limit") == [86_400_000, -1]
    assert named(trace, "job") == ["x", "y"]
    assert named(trace, "account") == ["a, b", "c"]
    assert named(trace, "sector") == ["public", ""]


def test_a_table_in_seconds_has_no_dates():
    trace = table.read(stream("submit,run,gpus\n0,10,1\n5.5,10,1\n"))
    assert column(trace, "submit") == [0, 5500]
    assert trace.facts == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("submit,gpus\n1,2\n", "no column for run"),
        ("submit,run,gpus\n1,2\n", "line 2 has 2 cells, not 3 or more"),
        ("submit,run,gpus\n1,2,3\nsoon,2,3\n", "column submit, line 3: 'soon' is not a number"),
        ("submit,run,gpus\n2026-01-01 00:00:00,2,3\nsoon,2,3\n", "column submit, line 3: 'soon' is neither"),
        ("submit,run,gpus\n1,long,3\n", "column run, line 2: 'long' is not a duration"),
        ("submit,run,gpus\n1,2,many\n", "column gpus, line 2: 'many' is not a number"),
    ],
)
def test_a_table_says_what_is_wrong(text, words):
    with pytest.raises(ValueError, match=words):
        table.read(stream(text))


# ---- sacct ----------------------------------------------------------------------------------------------------


SACCT = """JobID|Account|Partition|Submit|Start|ElapsedRaw|TimelimitRaw|State|ReqCPUS|ReqTRES
12|vision|gpu|2026-03-01T10:00:00|2026-03-01T10:05:00|3600|120|COMPLETED|8|billing=8,cpu=8,gres/gpu=2,node=1
12.batch|vision||2026-03-01T10:05:00|2026-03-01T10:05:00|3600||COMPLETED|8|
13_4|words|gpu|2026-03-01T10:00:01|Unknown|0|UNLIMITED|CANCELLED by 7|4|billing=4,cpu=4,gres/gpu=1
"""


def test_sacct_with_gpus_steps_and_what_never_began():
    trace = sacct.read(stream(SACCT))
    assert named(trace, "job") == ["12", "13_4"]
    assert column(trace, "processors") == [2, 1], "GPUs, as any job has some"
    assert column(trace, "run") == [3_600_000, -1]
    assert column(trace, "wait") == [300_000, -1]
    assert column(trace, "limit") == [7_200_000, -1]
    assert named(trace, "class") == ["gpu", "gpu"]
    assert trace.left_out == {"step of a job": 1}
    assert trace.facts["processor"] == "GPU"


def test_sacct_without_gpus_by_other_columns():
    trace = sacct.read(stream(
        "JobIDRaw|User|Submit|Elapsed|Timelimit|AllocCPUS\n5|kim|2026-03-01T10:00:00|1-01:00:10|2-00:00:00|16\n"
    ))  # fmt: skip
    assert column(trace, "processors") == [16]
    assert column(trace, "run") == [90_010_000]
    assert column(trace, "limit") == [172_800_000]
    assert named(trace, "account") == ["kim"]


def test_sacct_says_which_columns_it_lacks():
    with pytest.raises(ValueError, match="no column ElapsedRaw, ReqCPUS or ReqTRES; run sacct with --format="):
        sacct.read(stream("JobID|Submit\n1|2026-03-01T10:00:00\n"))


def test_forms_are_told_apart():
    heads = {"swf": swf(1, 0, 1, 1), "csv": "timestamp,duration,num_gpus\n", "sacct": SACCT}
    for name, text in heads.items():
        known = [
            reader
            for reader, module in (("swf", swf_reader), ("csv", table), ("sacct", sacct))
            if module.sniff(text.encode())
        ]
        assert known == [name]


def test_gzip_is_unpacked_before_a_reader_sees_it(tmp_path, report):
    path = tmp_path / "a.swf.gz"
    path.write_bytes(gzip.compress(f"{swf(1, 0, 5, 1)}\n".encode()))
    assert report(path, "--pool", 1)["policies"][0]["jobs"] == 1
