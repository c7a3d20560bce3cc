"""The log on a job's page: bounded, searched, filtered by level, with addresses of lines."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hubsite.engines.facts import LogChunk
from jobs.pages import log_part
from jobs.running import logs
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

TRACE = (
    "2026-01-01 WARNING slow store",
    "Opening cube",
    "Traceback (most recent call last):",
    '  File "x.py", line 1',
    "zarr.errors.GroupNotFoundError: <b>no group</b>",
    "module.py:3: UserWarning: an old format",
    "  warnings.warn(text)",
    "INFO an ERROR is only named here",
    "[ERROR] it failed",
)


@pytest.fixture
def job():
    return make_job(make_user(units=10))


def fill(job, lines, *, first=0) -> None:
    for start in range(0, len(lines), 500):
        logs.append(job.pk, [LogChunk(first + start, list(lines[start : start + 500]))])


def numbers(part) -> list[int]:
    return [line.number for line in part.lines]


def test_it_shows_the_end_and_leads_to_earlier_lines(job):
    fill(job, [f"line {n}" for n in range(1, 1801)])
    end = log_part.read(job, {})
    assert numbers(end) == list(range(1301, 1801)) and end.follows and end.last == 1800
    assert not end.later
    earlier = log_part.read(job, dict([end.earlier.split("=")]))
    assert numbers(earlier)[-1] == 1300 and not earlier.follows
    first = log_part.read(job, {"line": "1"})
    assert numbers(first) == list(range(1, 501)) and not first.earlier
    later = log_part.read(job, dict([first.later.split("=")]))
    assert numbers(later)[0] == 501


def test_a_link_to_a_line_shows_it_among_its_neighbours(job):
    fill(job, [f"line {n}" for n in range(1, 1801)])
    assert {1180, 1200, 1300} <= set(numbers(log_part.read(job, {"line": "1200"})))
    assert numbers(log_part.read(job, {"line": "999999999"})) == []


def test_levels_are_found_also_of_tracebacks(job):
    fill(job, TRACE)
    levels = [line.level for line in log_part.read(job, {}).lines]
    assert levels == ["warning", "", "error", "error", "error", "warning", "warning", "", "error"]
    assert numbers(log_part.read(job, {"level": "error"})) == [3, 4, 5, 9]
    assert numbers(log_part.read(job, {"level": "warning"})) == [1, 3, 4, 5, 6, 7, 9]


def test_a_search_finds_text_in_any_case_and_goes_on(job):
    fill(job, [f"Block {n} written" if n % 2 else "x" for n in range(1, 3001)])
    found = log_part.read(job, {"q": "block"})
    assert len(found.lines) == 500 and found.is_cut and found.lines[0].number == 1
    then = dict(pair.split("=") for pair in found.later.split("&"))
    assert log_part.read(job, then).lines[0].number == 1001
    assert log_part.read(job, {"q": "nothing"}).lines == []
    assert log_part.read(job, {"q": "%"}).lines == []  # no wildcard


def test_lines_that_were_not_kept_leave_a_mark(job):
    fill(job, ["begin"])
    fill(job, ["end"], first=70_000)
    shown = log_part.read(job, {"line": "1"}).lines
    assert [(line.number, line.is_after_gap) for line in shown] == [(1, False), (70_001, True)]


def test_earlier_lines_are_found_before_those_that_were_not_kept(job):
    fill(job, [f"line {n}" for n in range(1, 9001)])
    seen, asked = set(), {"line": "4600"}
    for _ in range(20):
        part = log_part.read(job, asked)
        seen |= set(numbers(part))
        if not part.earlier:
            break
        asked = dict([part.earlier.split("=")])
    assert {1, logs.HEAD_LINES, 4300} <= seen


@pytest.mark.parametrize("line", ["x", "-1", "0", "9" * 30, "٣", ""])
def test_hostile_urls_show_the_log(job, line):
    fill(job, TRACE)
    part = log_part.read(job, {"line": line, "level": "x", "q": "\0\u202e" * 300})
    assert part.level == "" and part.search == "" and part.lines


@pytest.mark.parametrize("asked", [{}, {"q": "x"}, {"line": "3000"}])
def test_a_huge_log_costs_no_more_statements_and_is_bounded(job, asked):
    fill(job, ["x" * 5000] * 9000)
    with CaptureQueriesContext(connection) as captured:
        part = log_part.read(job, asked)
    assert len(captured) <= 3
    assert len(part.lines) <= log_part.SHOWN
    assert all(len(line.text) <= log_part.LONGEST_SHOWN for line in part.lines)
