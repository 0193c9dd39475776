"""Tables, JSON and numbers for people."""

from __future__ import annotations

import json
import re

from shanyrak.cli import output


def test_a_plain_table_has_one_line_a_row(capsys):
    rows = [{"id": 1, "words": "a\nb\x1b[31m"}, {"id": 22, "words": None}, {"id": 3, "words": ["x", "y"]}]
    output.table(rows, {"id": "ID", "words": "WORDS"})
    assert capsys.readouterr().out == "ID  WORDS\n1   a b [31m\n22  -\n3   x, y\n"


def test_an_empty_table_says_so(capsys):
    output.table([], ["id"], empty="Nothing waits.")
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_a_table_on_a_terminal_shows_the_same_cells(capsys, monkeypatch):
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)
    output.table([{"id": 1, "words": "[red]not markup[/red]"}], ["id", "words"])
    assert "[red]not markup[/red]" in capsys.readouterr().out


def test_json_is_one_document(capsys):
    output.emit_json({"a": ["қ", 1]})
    assert json.loads(capsys.readouterr().out) == {"a": ["қ", 1]}


def test_nothing_printed_can_steer_a_terminal(capsys):
    evil = "a\x1b]0;t\x07\x9b2J\u202eb\n\x7fқ"
    output.tell(evil)
    assert capsys.readouterr().out == "a ]0;t  2J b  қ\n"
    output.emit_json({"name": evil})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"name": evil}
    assert all(c.isprintable() or c == "\n" for c in shown)
    output.table([{"names": [evil]}], ["names"])
    assert capsys.readouterr().out.splitlines()[1] == "a ]0;t  2J b  қ"


def test_names_that_count_up_are_shortened():
    assert output.shortened([]) == []
    assert output.shortened(["a-0", "a-1", "a-2", "a-4", "b-5", "login", "x-y"]) == [
        "a-0..2", "a-4", "b-5", "login", "x-y",
    ]  # fmt: skip


def test_a_long_table_is_plain_lines_on_a_terminal_too(capsys, monkeypatch):
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    output.table([{"id": number} for number in range(output.LONG + 1)], {"id": "ID"})
    assert capsys.readouterr().out.splitlines() == ["ID", *map(str, range(output.LONG + 1))]


def on_a_terminal(monkeypatch, columns):
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))


def test_columns_give_way_without_breaking_words():
    names, words = ["NAME", "a-name-of-length"], ["WORDS", "so many short words that they fold"]
    assert output.fitting([names, words], 60) == [16, 34]
    assert output.fitting([names, words], 40) == [16, 24], "words fold before a name breaks"
    assert output.fitting([names, words], 12) == [6, 6], "all break where nothing else is left"
    path = ["FROM", "/a/path/" + "x" * 60]
    assert output.fitting([path, words], 60) == [30, 30], "one long word does not take it all"


def test_a_table_on_a_terminal_fits_and_figures_stand_to_the_right(capsys, monkeypatch):
    on_a_terminal(monkeypatch, 70)
    rows = [
        {"id": 9, "name": "saryarka-learning", "ran": "850ms", "left": "-", "words": "it waits for its turn " * 4},
        {"id": 10, "name": "a", "ran": "4m 05s", "left": "1,200", "words": "it runs"},
    ]
    output.table(rows, {"id": "ID", "name": "NAME", "ran": "RAN", "left": "LEFT", "words": "WHY"})
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) == 70
    text = "\n".join(lines)
    assert (
        "  9  saryarka-learning   850ms      -  it waits" in text
        and " 10  a                  4m 05s  1,200  it runs" in text
    )


def test_a_long_line_is_cut_on_a_terminal_only(capsys, monkeypatch):
    output.tell_short("x" * 300)
    assert capsys.readouterr().out == "x" * 300 + "\n"
    on_a_terminal(monkeypatch, 70)
    output.tell_short("x" * 300)
    output.tell_short("x" * 70)
    assert capsys.readouterr().out == "x" * 69 + "…\n" + "x" * 70 + "\n"
