"""What users read about a job that waits: on its page, in the list, in the form and in the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone, translation

from jobs.api.presentation import waiting_json
from jobs.api.serializers import WaitingSerializer
from jobs.models import State
from jobs.prediction import asking
from jobs.prediction.asking import Start
from jobs.queue.queue_facts import Facts, Place
from jobs.queue.waiting import Cause, Waiting, in_words

NOW = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def between(low_s: float, high_s: float | None) -> Start:
    latest = None if high_s is None else NOW + timedelta(seconds=high_s)
    return Start(NOW + timedelta(seconds=low_s), latest)


def waits(start: Start, cause: Cause = Cause.NO_PLACE, **place) -> Waiting:
    place = {"number": 3, "queue_length": 27, **place}
    return in_words(
        cause, Facts(State.QUEUED, capacity=8, own_limit=2, place=Place(start=start, **place))
    )


def read_aloud(template: str, language: str = "en", **context) -> str:
    """The words of a part of a page, without tags."""
    with translation.override(language):
        shown = render_to_string(f"jobs/{template}.html", context)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


STARTS = [
    (between(0, 1), "within 5 s", "in höchstens 5 s"),
    (between(2, 4), "within 5 s", "in höchstens 5 s"),
    (between(0, 17), "within 20 s", "in höchstens 20 s"),
    (between(31, 58), "in about 30–60 s", "in etwa 30–60 s"),
    (between(8, 100), "within 2 min", "in höchstens 2 min"),
    (between(48, 100), "in about 45 s – 2 min", "in etwa 45 s – 2 min"),
    (between(190, 470), "in about 3–8 min", "in etwa 3–8 min"),
    (between(300, 300), "in about 5 min", "in etwa 5 min"),
    (between(1800, 5400), "in about 30–90 min", "in etwa 30–90 min"),
    (between(500, 6000), "within 2 h", "in höchstens 2 h"),
    (between(1800, 6000), "in about 30 min – 2 h", "in etwa 30 min – 2 h"),
    (between(20 * 3600, 3 * 86400), "in about 20 h – 3 days", "in etwa 20 h – 3 Tagen"),
    (between(3 * 3600, 30 * 3600), "in about 3–30 h", "in etwa 3–30 h"),
    (between(86400 * 1.5, 86400 * 4), "in about 1–4 days", "in etwa 1–4 Tagen"),
    (between(1900, None), "in 31 min at the earliest", "frühestens in 31 min"),
]


@pytest.mark.parametrize(("start", "english", "german"), STARTS)
def test_a_start_is_said_no_closer_than_it_is_known(start, english, german):
    job = waits(start)
    assert f"It starts {english}." in read_aloud("waiting", waiting=job)
    assert f"Er beginnt {german}." in read_aloud("waiting", "de", waiting=job)
    assert read_aloud("waiting_row", waiting=job) == f"Place 3 · starts {english}"
    assert read_aloud("waiting_row", "de", waiting=job) == f"Platz 3 · beginnt {german}"
    assert f"Would start {english}" in read_aloud("would_start", would_start=job, offer=ENOUGH)
    told = waiting_json(job)["start"]
    assert (told["latest"] is None) == (start.latest is None)


class Enough:
    is_affordable = True


class TooLittle:
    is_affordable = False


ENOUGH = Enough()


def test_the_interval_says_for_how_many_jobs_it_holds():
    said = read_aloud("waiting", waiting=waits(between(190, 470)))
    assert said.endswith("as 90 of 100 jobs like it")


@pytest.mark.parametrize(
    ("why", "english", "german"),
    [
        (asking.NO_FORECAST, "the hub has not looked at the queue", "in die Warteschlange gesehen"),
        (asking.NO_HISTORY, "no job has ended here yet", "noch kein Auftrag zu Ende ist"),
        (asking.FEW_STARTS, "too few jobs have waited here so far", "zu wenige Aufträge gewartet"),
        (
            asking.OVERDUE,
            "it has waited longer than was expected",
            "länger gewartet hat als erwartet",
        ),
    ],
)
def test_what_is_not_known_is_said_with_the_reason(why, english, german):
    job = waits(Start(unknown=why))
    said = read_aloud("waiting", waiting=job)
    assert f"When it starts cannot be said, because {english}" in said
    assert german in read_aloud("waiting", "de", waiting=job)
    form = read_aloud("would_start", would_start=job, offer=ENOUGH)
    assert f"Would start This cannot be said, because {english}" in form
    assert read_aloud("waiting_row", waiting=job) == "Place 3"
    told = waiting_json(job)
    assert told["start"] is None and english in told["start_is_unknown_because"]


@pytest.mark.parametrize(
    ("cause", "english", "german"),
    [
        (Cause.SUSPENDED, "operators resume cube generation", "die Erzeugung von Cubes wieder"),
        (Cause.ENGINE_UNKNOWN, "operators set up what runs the job", "einrichten, was den Auftrag"),
        (Cause.ENGINE_DRAINED, "operators let the engine take work again", "wieder Arbeit nehmen"),
        (Cause.ENGINE_AWAY, "what runs the jobs answers again", "das wieder antwortet"),
    ],
)
def test_what_waits_for_operators_has_no_time(cause, english, german):
    """Whatever the queue would say: that is not what it waits for."""
    job = waits(between(60, 120), cause)
    said = read_aloud("waiting", waiting=job)
    assert said.startswith(job.text) and "It starts in" not in said and "cannot be said" not in said
    form = read_aloud("would_start", would_start=job, offer=ENOUGH)
    assert form.startswith(f"Would start not before {english}")
    assert german in read_aloud("would_start", "de", would_start=job, offer=ENOUGH)
    assert read_aloud("waiting_row", waiting=job) == "Place 3 · waits for the operators"
    told = waiting_json(job)
    assert told["start"] is None and told["start_is_unknown_because"]


def test_the_next_one_starts_at_once_and_no_time_is_told():
    job = waits(between(60, 120), Cause.NEXT, number=1)
    assert "It starts within seconds." in read_aloud("waiting", waiting=job)
    assert "in about" not in read_aloud("waiting", waiting=job)
    assert read_aloud("waiting_row", waiting=job) == "Place 1"
    assert read_aloud("would_start", would_start=job, offer=ENOUGH) == "Would start at once"
    assert read_aloud("would_start", "de", would_start=job, offer=ENOUGH) == "Würde beginnen sofort"


def test_without_units_it_starts_not_before_there_are_some():
    job = waits(between(60, 120))
    said = read_aloud("would_start", would_start=job, offer=TooLittle())
    assert said == "Would start not before you have enough units"
    said = read_aloud("would_start", "de", would_start=job, offer=TooLittle())
    assert said == "Würde beginnen nicht, bevor Sie genug Einheiten haben"


def test_the_place_is_about_if_it_is_not_exact():
    start = between(190, 470)
    exact, about = waits(start), waits(start, number=52_341, queue_length=100_000, is_exact=False)
    assert "Place 3 of 27 that wait." in read_aloud("waiting", waiting=exact)
    assert "About place 52341 of 100000 that wait." in read_aloud("waiting", waiting=about)
    assert read_aloud("waiting_row", waiting=about).startswith("About place 52341 ·")
    form = read_aloud("would_start", would_start=exact, offer=ENOUGH)
    assert form.endswith("at place 3 of those that wait")
    form = read_aloud("would_start", would_start=about, offer=ENOUGH)
    assert form.endswith("at about place 52341 of those that wait")
    unknown = waits(start, number=None)
    assert " that wait." not in read_aloud("waiting", waiting=unknown)


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_words_for_its_owner_and_for_operators(cause):
    """Operators are not sent to the operators, and no one reads of another's jobs as his own."""
    facts = Facts(State.QUEUED, capacity=8, own_limit=2, place=Place(3, own_before=2))
    for language in ("en", "de"):
        with translation.override(language):
            owner = in_words(cause, facts)
            operator = in_words(cause, facts, for_operators=True)
        for found in (owner, operator):
            assert found.text.endswith(".") and found.remedy.endswith(".")
            assert "{" not in found.text + found.remedy
        said = read_aloud("waiting", language, waiting=operator, for_operators=True)
        assert not re.search(r"ell the operators|\b[Yy]ours?\b|den Betreibern|Ihre", said), said
        assert owner.cause == operator.cause == cause
    serializer = WaitingSerializer(data=waiting_json(owner))
    assert serializer.is_valid(), serializer.errors
