"""The filters that put numbers and sentences into words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.utils.translation import override

from hubsite.console.quantities import day, day_words, decimal, duration, moment, number, size
from hubsite.templatetags.console import code, told


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Start `manage.py start`, then look.", "Start <code>manage.py start</code>, then look."),
        ("<b> `<i>`", "&lt;b&gt; <code>&lt;i&gt;</code>"),
        ("", ""),
    ],
)
def test_commands_in_a_sentence_are_marked_and_escaped(text, html):
    assert code(text) == html


@pytest.mark.parametrize(
    ("count", "english", "german"),
    [
        (0, "0 bytes", "0 Bytes"),
        (999, "999 bytes", "999 Bytes"),
        (1000, "1 kB", "1 kB"),
        (1_540_000, "1.5 MB", "1,5 MB"),
        (4_000_000_000, "4 GB", "4 GB"),
        (9_960_000_000, "10 GB", "10 GB"),
        (12_700_000_000, "13 GB", "13 GB"),
        (999_950, "1 MB", "1 MB"),
        (12_345 * 10**15, "12,345 PB", "12.345 PB"),
    ],
)
def test_sizes_are_short_and_in_the_language(count, english, german):
    assert size(count) == english
    with override("de"):
        assert size(count) == german


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (-3, "0 s", "0 s"),
        (59.4, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 5 min", "2 h 5 min"),
        (timedelta(hours=47), "47 h", "47 h"),
        (timedelta(days=3, hours=4), "3 days", "3 Tage"),
        (timedelta(days=1500), "1,500 days", "1.500 Tage"),
    ],
)
def test_durations_are_short_and_in_the_language(value, english, german):
    assert duration(value) == english
    with override("de"):
        assert duration(value) == german


def test_times_say_that_they_are_in_utc_and_days_do_not():
    at = datetime(2026, 11, 23, 17, 7, 5, tzinfo=timezone(timedelta(hours=1)))
    html = '<time datetime="2026-11-23T16:07:05Z">{}</time>'
    assert moment(at) == html.format("2026-11-23 16:07 UTC")
    assert day(date(2026, 1, 2)) == '<time datetime="2026-01-02">2026-01-02</time>'
    with override("de"):
        assert moment(at.astimezone(UTC)) == html.format("23.11.2026 16:07 UTC")
        assert day(date(2026, 1, 2)) == '<time datetime="2026-01-02">02.01.2026</time>'


def test_numbers_have_the_marks_of_the_language():
    assert [number(it) for it in (0, 12_345, 1234.5)] == ["0", "12,345", "1,234.5"]
    with override("de"):
        assert [number(it) for it in (0, 12_345, 1234.5)] == ["0", "12.345", "1.234,5"]


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [(0.0125, "0.0125", "0,0125"), (1e-05, "0.00001", "0,00001"), (-1234.5, "-1234.5", "-1234,5"),
     (500000.0, "500000", "500000")],
)  # fmt: skip
def test_measures_have_the_decimal_mark_of_the_language(value, english, german):
    assert decimal(value) == english
    with override("de"):
        assert decimal(value) == german


@pytest.mark.parametrize(
    ("text", "german"),
    [("2026-11-05", "05.11.2026"), ("2026-11-05T01:02:03Z", "05.11.2026"), ("soon", "soon"),
     ("2026-99-99", "2026-99-99"), ("", "")],
)  # fmt: skip
def test_days_of_data_are_written_as_the_reader_does(text, german):
    assert day_words(text) in (text, text[:10])
    with override("de"):
        assert day_words(text) == german


def test_times_within_a_sentence_are_marked_for_the_zone_of_the_viewer():
    text = "Kept until 2026-11-26 19:57 UTC. <b>"
    time = '<time datetime="2026-11-26T19:57:00Z">'
    assert told(text) == f"Kept until {time}2026-11-26 19:57 UTC</time>. &lt;b&gt;"
    with override("de"):
        assert f"{time}26.11.2026 19:57 UTC</time>" in told("Kept until 2026-11-26 19:57 UTC.")
    assert told("<i>" * 9, 6) == "&lt;i&gt;&lt;i…"
    assert told(None) == ""
