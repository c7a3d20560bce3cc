"""The list of the audit: filters, pages as quick at the end as at the beginning, CSV, roles."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hubsite import audit
from hubsite.audit import searching
from hubsite.audit.entry import AuditEntry, Via
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/hubsite/auditentry/"


@pytest.fixture
def operator():
    return make_user("operator@example.org", permissions=["operate:hub"], is_staff=True)


def entries(count: int, **fields) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(
            **{"actor_name": "command line: ann", "via": Via.COMMAND, "action": "token.made"}
            | {"label": f"token {number}", **fields}
        )
        for number in range(count)
    )


def labels(response) -> list[str]:
    return [shown.entry.label for shown in response.context["entries"]]


def test_pages_follow_ids(client, operator):
    client.force_login(operator)
    entries(120)
    first = client.get(LIST)
    assert labels(first) == [f"token {n}" for n in range(119, 69, -1)]
    second = client.get(LIST, {"before": first.context["page"].before})
    assert labels(second)[0] == "token 69"
    last = client.get(LIST, {"before": second.context["page"].before})
    assert labels(last)[-1] == "token 0"
    assert last.context["page"].before is None
    back = client.get(LIST, {"after": last.context["page"].after})
    assert labels(back) == labels(second)
    again = client.get(LIST, {"after": back.context["page"].after})
    assert labels(again) == labels(first)
    assert again.context["page"].after is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"1", "2", "3"}),
        ({"who": "ANN@example"}, {"1"}),
        ({"who": "command line: bob@host"}, {"2"}),
        ({"on": "2"}, {"2"}),
        ({"on": "ann@example.org"}, {"3"}),
        ({"action": "job.cancelled"}, {"1"}),
        ({"via": "command"}, {"2"}),
        ({"since": "2000-01-01", "until": "2099-01-01T00:00:00Z"}, {"1", "2", "3"}),
        ({"until": "2020-01-01"}, set()),
        ({"since": "2099-01-01"}, set()),
        ({"who": "ann@example.org", "via": "command"}, set()),
    ],
)
def test_filters(client, operator, query: dict, found: set[str]):
    ann = make_user("ann@example.org")
    audit.record("job.cancelled", actor=ann, on=("jobs.job", "1", "1"))
    with audit.within(audit.of_command("command line: bob@host")):
        audit.record("token.made", on=("accounts.accesstoken", "2", "2"))
    audit.record("units.granted", actor=operator, on=("accounts.user", "3", "3"), about=ann)
    client.force_login(operator)
    assert set(labels(client.get(LIST, query))) == found
    text = b"".join(client.get(f"{LIST}export/", query).streaming_content).decode()
    rows = csv.DictReader(io.StringIO(text))
    assert {row["label"] for row in rows if row["action"] != "audit.exported"} == found


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"action": "x"},
        {"via": "x"},
        {"who": "x" * 201},
        {"until": "9999-12-31"},
    ],
)
def test_what_cannot_be_searched_is_said(client, operator, query: dict):
    client.force_login(operator)
    for path in (LIST, f"{LIST}export/"):
        response = client.get(path, query)
        assert response.status_code == 400
        assert f"{next(iter(query))}: " in response.content.decode()


def test_every_search_goes_by_an_index(operator):
    """The plans name no scan of the table, so a million entries cost no more than a page."""
    entries(10)
    for query in (
        {},
        {"who": "operator@example.org"},
        {"who": "command line: ann"},
        {"on": "token 3"},
        {"on": "operator@example.org"},
        {"action": "token.made"},
        {"via": "command"},
        {"since": "2020-01-01", "until": "2030-01-01"},
    ):
        rows = searching.found(searching.read(query))
        for part in (rows, rows.filter(pk__lt=10**6)):
            plan = part[: searching.PAGE].explain()
            if connection.vendor != "sqlite":
                continue  # of so few rows, a plan of PostgreSQL says nothing
            assert "SCAN hubsite_auditentry\n" not in f"{plan}\n" or not query
            assert "TEMP B-TREE" not in plan or "on" in query, (query, plan)


def test_a_page_takes_a_fixed_number_of_queries(client, operator):
    client.force_login(operator)
    ann = make_user("ann@example.org")
    counts = []
    for _ in range(2):
        for number in range(20):
            audit.record("token.made", actor=ann, on=("accounts.accesstoken", str(number), "t"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(LIST, {"who": "ann@example.org"})
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def test_csv_has_no_formula_and_is_told_itself(client, operator):
    client.force_login(operator)
    audit.record("token.made", actor="command line: =1+1", on=("k", "1", "=cmd|'/C calc'!A0"))
    text = b"".join(client.get(f"{LIST}export/").streaming_content).decode()
    row = next(row for row in csv.DictReader(io.StringIO(text)) if row["action"] == "token.made")
    assert row["label"].startswith("'=")
    told = AuditEntry.objects.latest("pk")
    assert (told.action, told.actor, told.via) == ("audit.exported", operator, "admin")


def test_support_reads_it_and_others_do_not(client):
    audit.record("token.made", on=("k", "1", "<script>alert(1)</script>"))
    support = make_user("support@example.org", permissions=["read:hub"], is_staff=True)
    client.force_login(support)
    response = client.get(LIST)
    assert response.status_code == 200
    assert b"<script>alert" not in response.content
    assert b"&lt;script&gt;alert" in response.content
    for path in (LIST, f"{LIST}export/"):
        client.force_login(make_user(is_staff=True))
        assert client.get(path).status_code == 403
        client.force_login(make_user())
        assert client.get(path).status_code == 302
    entry = AuditEntry.objects.latest("pk")
    client.force_login(support)
    assert client.get(f"{LIST}{entry.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{entry.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_users_page_shows_their_entries(client, operator):
    ann = make_user("ann@example.org")
    audit.record("units.granted", actor=operator, on=ann, detail="+7, a gift")
    client.force_login(operator)
    page = client.get(f"/admin/accounts/user/{ann.pk}/change/").content.decode()
    assert "+7, a gift" in page
    assert f"{LIST}?on={ann.username}" in page
