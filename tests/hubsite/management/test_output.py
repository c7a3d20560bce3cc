"""Tables fit the terminal, plain columns go into pipes, JSON is JSON, and nothing is markup."""

import json
import os
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management.base import OutputWrapper
from rich.cells import cell_len

from hubsite.management.output import Column, Output, Styled

LONG_ID = "a" + "0123456789abcdef" * 2 + "-c415de9f-e237-442c"
COLUMNS = (Column("Job", is_copied=True), "Owner", "State", Column("Units", is_number=True))
ROWS = (
    ("c415de9f-e237-442c", "ann@example.org", Styled("FAILED", "red"), 5),
    ("11111111-2222-3333", "a-very-long-address@a-very-long-domain.example.org", "QUEUED", 1234),
)


class Terminal(StringIO):
    def isatty(self):
        return True


def output(stream, *, has_colour=False):
    return Output(OutputWrapper(stream), OutputWrapper(StringIO()), has_colour=has_colour)


def on_terminal(columns, rows, *, width, monkeypatch, **options):
    monkeypatch.setattr("shutil.get_terminal_size", lambda _: os.terminal_size((width, 24)))
    stream = Terminal()
    output(stream, **options).table(columns, rows)
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_a_table_fits_the_terminal_and_keeps_what_is_copied_whole(width, monkeypatch):
    text = on_terminal(COLUMNS, ROWS, width=width, monkeypatch=monkeypatch)
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width
    for job, *_ in ROWS:
        assert job in text


@pytest.mark.parametrize(
    "text",
    ["x[/bold]y.zarr", "[red]red", "[fd00::1]", "[link=http://evil]x[/link]", "\\[a]", "[/]"],
)
def test_text_is_never_markup(text, monkeypatch):
    shown = on_terminal(("Value",), [(text,)], width=120, monkeypatch=monkeypatch)
    assert text in shown
    stream = StringIO()
    output(stream).table(("Value",), [(text,)])
    assert stream.getvalue() == f"VALUE\n{text}\n"


def test_a_cell_cannot_move_the_cursor(monkeypatch):
    shown = on_terminal(("A",), [("\x1b[2J",)], width=80, monkeypatch=monkeypatch, has_colour=True)
    assert "\x1b[2J" not in shown
    assert r"\x1b[2J" in shown


def test_colours_show_on_a_terminal_only(monkeypatch):
    coloured = on_terminal(COLUMNS, ROWS, width=80, monkeypatch=monkeypatch, has_colour=True)
    assert "\x1b[31mFAILED" in coloured
    stream = StringIO()
    output(stream).table(COLUMNS, ROWS)
    assert "\x1b" not in stream.getvalue()


def test_plain_columns_are_one_row_a_line_and_never_cut():
    stream = StringIO()
    rows = [(LONG_ID, "two\nlines", None, 7), (LONG_ID, "ann", True, 12345)]
    output(stream).table(COLUMNS, rows)
    header, first, second = stream.getvalue().splitlines()
    assert header.split() == ["JOB", "OWNER", "STATE", "UNITS"]
    assert first.split() == [LONG_ID, r"two\nlines", "-", "7"]
    assert second.split() == [LONG_ID, "ann", "yes", "12345"]


def test_times_are_iso_8601_in_utc():
    at = datetime(2026, 11, 25, 23, 59, 1, 999, UTC)
    stream = StringIO()
    output(stream).fields({"at": at})
    output(stream).json({"at": at})
    assert stream.getvalue().startswith("at: 2026-11-25T23:59:01Z\n")
    assert json.loads(stream.getvalue().partition("\n")[2]) == {"at": "2026-11-25T23:59:01Z"}


def test_an_empty_table_says_so_beside_the_output():
    out, err = StringIO(), StringIO()
    output = Output(OutputWrapper(out), OutputWrapper(err), has_colour=False)
    output.table(COLUMNS, [], empty="No such jobs.")
    assert (out.getvalue(), err.getvalue()) == ("", "No such jobs.\n")


def test_what_is_cut_is_marked_and_keeps_one_row_a_line(monkeypatch):
    columns = (Column("Command", is_copied=True), Column("Purpose", is_cut=True))
    rows = [("create_service_account", "word " * 40), ("help", "short")]
    text = on_terminal(columns, rows, width=60, monkeypatch=monkeypatch)
    header, first, second = (line.rstrip() for line in text.splitlines())
    assert first.startswith("create_service_account  word")
    assert first.endswith("…")
    assert cell_len(first) <= 60
    assert second.split() == ["help", "short"]
