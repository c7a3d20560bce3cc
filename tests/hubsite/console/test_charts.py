"""Charts are tables that a script draws from: the numbers are in the page."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.template.loader import render_to_string

from hubsite.console.charts import Chart, Column, Row

HOUR = datetime(2026, 3, 1, 13, tzinfo=UTC)


def _html(chart: Chart) -> str:
    return render_to_string("console/chart.html", {"chart": chart})


def test_a_chart_is_a_table_with_numbers_and_words():
    columns = [Column("<b>half</b>", "info"), Column("most")]
    rows = [Row(HOUR, [125, 4000.5]), Row(date(2026, 3, 2), [None, 0]), Row("<i>", [1, 2])]
    html = _html(Chart("Waits", "lines", columns, rows, unit="duration", first="Hour"))
    assert 'data-kind="lines"' in html and 'data-unit="duration"' in html
    assert '<td data-value="125">2 min</td><td data-value="4000.5">1 h 6 min</td>' in html
    assert '<td data-value=""></td><td data-value="0">0 s</td>' in html  # no value, and none
    assert 'datetime="2026-03-01T13:00:00Z"' in html and 'datetime="2026-03-02"' in html
    assert '<th scope="col" data-tone="info">&lt;b&gt;half&lt;/b&gt;</th>' in html
    assert "&lt;i&gt;" in html and "<i>" not in html


def test_large_numbers_stay_numbers_for_the_script():
    html = _html(Chart("Bytes", "bars", [Column("bytes")], [Row("a", [12_000_000_000])], "size"))
    assert '<td data-value="12000000000">12 GB</td>' in html


def test_a_chart_of_nothing_says_so_and_draws_nothing():
    html = _html(Chart("Jobs", "bars", [Column("jobs")], [Row(HOUR, [0]), Row(HOUR, [None])]))
    assert "Nothing in this time." in html
    assert "<table" not in html and "chart-drawing" not in html
