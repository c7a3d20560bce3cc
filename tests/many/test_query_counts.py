"""Every page and every answer of the API takes few queries, however many rows there are.

The pages come from the URL configuration, and the rows from its models: a new page, or a new
model, is tested by itself.
"""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from hubsite.health import parts
from jobs.discovery import asking

from .rows import multiply
from .visits import Visit, Visitors, all_visits
from .world import make_full_world, stores

pytestmark = pytest.mark.django_db

FEW, MANY = 3, 30
TRIES = 5
"""What a page remembers for a second or two, a slow machine has forgotten until it asks again."""
MOST_QUERIES = 20
_NO_QUERIES = ("SAVEPOINT", "RELEASE SAVEPOINT")


def ask(visitors: Visitors, visit: Visit) -> tuple[int, list[str]]:
    """Status and queries of a visit, which leaves no trace."""
    parts.look()  # what works is looked at every few seconds, whoever asks
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            status = visitors.ask(visit).status_code
        transaction.set_rollback(True)
    told = [query["sql"] for query in captured]
    return status, [sql for sql in told if not sql.startswith(_NO_QUERIES)]


def test_no_page_takes_more_queries_for_more_rows(monkeypatch):
    monkeypatch.setattr(asking, "_call", stores())
    world = make_full_world()
    visitors, visits, faults = Visitors(world), list(all_visits(world)), []
    multiply(lambda model: FEW)
    few = {visit: ask(visitors, visit) for visit in visits}
    multiply(lambda model: MANY, after=FEW)
    for visit in visits:
        status, queries = ask(visitors, visit)
        before, allowed = few[visit][0], min(len(few[visit][1]), MOST_QUERIES)
        for _ in range(TRIES):
            if len(queries) > allowed:  # something remembered may just have been forgotten
                status, queries = ask(visitors, visit)
        if status != before or status == 500:
            faults.append(f"{visit.name}: answered {before}, then {status}")
        if len(queries) > allowed:
            faults.append(
                f"{visit.name}: {len(few[visit][1])} queries for few rows, {len(queries)} for many,"
                f" among them {most_repeated(queries)}"
            )
    assert not faults, "\n".join(["", *faults])


def most_repeated(queries: list[str]) -> str:
    """The beginning that most of these have."""
    beginnings = [query[:300] for query in queries]
    return max(beginnings, key=beginnings.count)
