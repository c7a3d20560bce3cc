"""Text of users and runs cannot take over an operator's terminal."""

import unicodedata

import pytest

from hubsite.management.terminal_text import one_line, some_lines


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("title\x1b]0;owned\x07", r"title\x1b]0;owned\x07"),
        ("c1 \x9b31m", r"c1 \x9b31m"),
        ("back\b\b\bgone", r"back\x08\x08\x08gone"),
        ("over\rwritten", r"over\rwritten"),
        ("cube\u202ervz.txt", r"cube\u202ervz.txt"),
        ("\u2066isolated\u2069", r"\u2066isolated\u2069"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("half \ud800", r"half \ud800"),
        ("next\u2028line", r"next\u2028line"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("del\x7f", r"del\x7f"),
    ],
)
def test_control_and_direction_characters_are_shown_as_escapes(hostile, shown):
    assert one_line(hostile) == some_lines(hostile) == shown


def test_lines_and_tabs_stay_where_several_lines_are_printed():
    assert some_lines("a\tb\r\nc\n") == "a\tb\nc\n"
    assert one_line("a\tb\nc") == r"a\tb\nc"


def test_letters_of_all_scripts_stay():
    text = "Übergrößenträger 数据立方体 مكعب données → € 🛰"
    assert one_line(text) == text


def test_no_character_that_a_terminal_obeys_is_left():
    everything = "".join(map(chr, range(0x110000)))
    left = {unicodedata.category(c) for c in one_line(everything)}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
