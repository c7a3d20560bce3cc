"""Statements of processing units: they add up, say what moved, and belong to one user only."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import LedgerEntry, User
from accounts.units import ledger, month_sums, statement
from accounts.units.words import in_words, signed
from jobs import lifecycle
from jobs.models import State
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import make_job
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db

HOSTILE = "=<script>alert(1)</script>"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def ann() -> User:
    return make_user("ann@example.org")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def date_back(entry: LedgerEntry, *day: int) -> None:
    """As if the entry had been made at noon of that day."""
    at = datetime(*day, 12, tzinfo=UTC)
    LedgerEntry._base_manager.filter(pk=entry.pk).update(created_at=at)
    month_sums.recount(entry.user)


def last_entry(user: User) -> LedgerEntry:
    return user.ledger_entries.first()


def three_months(user: User) -> None:
    """Grants, a job, half of a job, a refund, an expiry and a correction, from 2026-08 on."""
    ledger.grant(user, 500, key="g1", reason="as agreed")
    date_back(last_entry(user), 2026, 8, 31)
    for number, reference in enumerate(("job-1", "job-2"), 1):
        ledger.reserve(user, 100, reference=reference, key=f"r{number}")
        date_back(last_entry(user), 2026, 9, 1)
    ledger.settle("job-1")
    date_back(last_entry(user), 2026, 9, 30)
    ledger.settle("job-2", charged=40)
    date_back(last_entry(user), 2026, 10, 1)
    ledger.refund("job-1", 25, key="back", reason="it was our fault")
    date_back(last_entry(user), 2026, 10, 2)
    ledger.expire(user, 30, key="e1", reason="lasted until 2026-10-03")
    date_back(last_entry(user), 2026, 10, 3)
    ledger.correct(user, -5, key="c1", reason=HOSTILE)
    date_back(last_entry(user), 2026, 10, 4)


def test_each_month_begins_with_what_the_one_before_left(ann):
    three_months(ann)
    found = statement.months(ann, date(2026, 12, 15), 6)
    assert [(it.name, it.opening, it.closing) for it in found] == [
        ("2026-07", 0, 0),
        ("2026-08", 0, 500),
        ("2026-09", 500, 400),
        ("2026-10", 400, 350),
        ("2026-11", 350, 350),
        ("2026-12", 350, 350),
    ]
    october = found[3]
    assert (october.granted, october.spent, october.expired, october.corrected) == (0, 15, 30, -5)
    assert found[-1].closing == ledger.balance_of(ann).total
    for it in found:
        assert statement.opening_of(ann, it.first) == it.opening
        assert sum(e.delta_total for e in statement.movements(ann, it.first)) == (
            it.closing - it.opening
        )
    assert statement.begin_of(ann) == date(2026, 8, 1)
    assert statement.begin_of(make_user()) is None


def test_december_and_january_are_neighbours():
    assert statement.before(date(2027, 1, 1)) == date(2026, 12, 1)
    assert statement.before(date(2026, 12, 1), -1) == date(2027, 1, 1)
    assert statement.before(date(2026, 3, 1), 15) == date(2024, 12, 1)


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-1", "1999-12", "9999-12", "2026-11-01", "²026-11", "../../x"]
)
def test_what_is_no_month_is_not_found(ann, text):
    with pytest.raises(ValueError, match="."):
        statement.parse_month(text)
    if text and "/" not in text:
        for name in ("statement", "statement-csv"):
            assert signed_in(ann).get(reverse(name, args=[text])).status_code == 404
        assert signed_in(ann).get(f"{reverse('units')}?until={text}").status_code == 404


def test_a_month_to_come_is_not_found(ann):
    coming = f"{timezone.now() + timedelta(days=40):%Y-%m}"
    assert signed_in(ann).get(reverse("statement", args=[coming])).status_code == 404


def test_entries_say_what_they_were_for(ann):
    bob = make_user("bob@example.org")
    job = make_job(ann, output_data_id="north.zarr", units=0)
    removed = make_job(ann, output_data_id="gone.zarr", units=0, hidden_at=timezone.now())
    others = make_job(bob, output_data_id="secret.zarr", units=0)
    service = make_instance(ann, title="My map")
    references = (job.job_id, removed.job_id, others.job_id, f"{service.instance_id}:3", "x:1")
    rows = [
        LedgerEntry(kind="settle", units=9, delta_total=-7, reference=reference)
        for reference in references
    ]
    rows.append(LedgerEntry(kind="override", units=5, delta_total=0, reason="as agreed"))
    told = [(it.what, it.path, it.change, it.why) for it in in_words(ann, rows)]
    rest = "2 of those that were set aside were not needed."
    assert told == [
        ("Spent on north.zarr", reverse("cube", args=[job.job_id]), f"{MINUS}7", rest),
        ("Spent on gone.zarr", "", f"{MINUS}7", rest),
        ("Spent: Cube generation", "", f"{MINUS}7", rest),
        ("Spent on My map", reverse("service", args=[service.instance_id]), f"{MINUS}7", rest),
        ("Spent: Services", "", f"{MINUS}7", rest),
        ("Set by the operators", "", "", "as agreed"),
    ]
    assert [signed(n) for n in (0, 5, -5)] == ["0", "+5", f"{MINUS}5"]


def test_every_kind_of_entry_has_words(ann):
    rows = [LedgerEntry(kind=kind, units=1) for kind in LedgerEntry.Kind]
    words = [movement.what for movement in in_words(ann, rows)]
    assert all(words) and len(set(words)) == len(words)


def test_the_page_of_a_month(ann):
    three_months(ann)
    client = signed_in(ann)
    text = client.get(reverse("statement", args=["2026-10"])).content.decode()
    assert "Statement of October 2026" in text
    assert "Opening balance</dt><dd>400" in text and "Closing balance</dt><dd>350" in text
    assert f"{MINUS}40" in text and "it was our fault" in text and "+25" in text
    assert HOSTILE not in text and "=&lt;script&gt;" in text
    assert "Set aside for" not in text
    assert reverse("statement", args=["2026-09"]) in text
    text = client.get(reverse("statement", args=["2026-09"]) + "?with=set-aside").content.decode()
    assert text.count("Set aside: Cube generation") == 2
    first = client.get(reverse("statement", args=["2026-08"])).content.decode()
    assert "Month before" not in first and "as agreed" in first
    months = client.get(f"{reverse('units')}?until=2026-10").content.decode()
    assert months.count("/account/units/2026-") >= 3 and "2026-07" not in months


def entries_of(user: User, count: int) -> None:
    """So many entries of this month, one second each, quickly."""
    begin = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            user=user,
            kind="correct",
            units=1,
            delta_total=1,
            total_after=number,
            reserved_after=0,
            idempotency_key=f"{user.pk}:{number}",
            reason=f"entry {number};",
            created_at=begin + timedelta(milliseconds=number // 3),  # some at the same time
        )
        for number in range(1, count + 1)
    )


def test_paging_shows_each_entry_once_and_stays_flat(ann):
    few, heavy = make_user(), ann
    entries_of(few, 60)
    entries_of(heavy, 3000)
    month = reverse("statement", args=[f"{timezone.now():%Y-%m}"])

    def queries(user: User, query: str = "") -> tuple[int, list[str]]:
        client = signed_in(user)
        client.get(month)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            response = client.get(month + query)
        shown = [m.entry.reason for m in response.context["movements"]]
        seen.append(response.context["next"])
        return len(captured), shown

    seen: list[int | None] = []
    _, newest = queries(heavy)
    assert newest == [f"entry {number};" for number in range(3000, 2950, -1)]
    cost, following = queries(heavy, f"?before={seen[-1]}")
    assert following == [f"entry {number};" for number in range(2950, 2900, -1)]
    assert (queries(few, f"?before={seen[-1]}")[1]) == []  # another's entry leads nowhere
    queries(few)
    assert queries(few, f"?before={seen[-1]}")[0] == cost <= 20
    for nonsense in ("x", "-1", "9" * 30, "²"):
        assert queries(few, f"?before={nonsense}")[1] == []


def test_a_statement_is_read_by_its_index(ann):
    """So its time does not grow with what the user had before."""
    first = timezone.now().date().replace(day=1)
    rows = statement.movements(ann, first)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    for asked in (rows, rows[:50], statement.older_than(rows, LedgerEntry(pk=9))):
        assert "ledger_user_time" in asked.explain()


def test_what_units_went_for_by_kind_and_store(ann):
    bob = make_user("bob@example.org", units=100)
    ledger.grant(ann, 1000, key="g")
    for store in ("@cubes", "@cubes", *(f"@s{n}" for n in range(8))):
        job = make_job(ann, state=State.RUNNING, output_store=store, units=10)
        lifecycle.move(job, State.SUCCEEDED, actor="test")
    ledger.refund(job.job_id, 4, key="back", reason="as agreed")
    ledger.reserve(ann, 6, reference="xabc:1", key="block")
    ledger.settle("xabc:1", charged=5)
    others = make_job(bob, output_store="@of-bob", units=50)
    ledger.settle(others.job_id)
    client = signed_in(ann)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(reverse("units-use"))
    assert len(captured) <= 12
    chart = response.context["chart"]
    assert [column.title for column in chart.columns] == ["Cube generation", "Services"]
    assert chart.rows[-1].at == f"{timezone.now():%Y-%m}" and chart.rows[-1].values == [96, 5]
    text = response.content.decode()
    assert "@cubes" in text and "Other stores" in text and "@of-bob" not in text
    assert signed_in(make_user()).get(reverse("units-use")).status_code == 200


def test_months_by_the_api(ann):
    three_months(ann)
    headers = bearer(ann)

    def ask(query: str) -> tuple[int, object]:
        answer = Client().get(f"/api/v2/users/me/units/months?{query}", headers=headers)
        return answer.status_code, answer.json()

    status, told = ask("until=2026-10&months=2")
    assert status == 200
    assert told == [
        {
            "month": "2026-10",
            "opening": 400,
            "granted": 0,
            "spent": 15,
            "expired": 30,
            "corrected": -5,
            "closing": 350,
        },
        {
            "month": "2026-09",
            "opening": 500,
            "granted": 0,
            "spent": 100,
            "expired": 0,
            "corrected": 0,
            "closing": 400,
        },
    ]
    assert len(ask("")[1]) == 12 and ask("months=0") == (200, [])
    for field, wrong in (("until", "2026-13"), ("until", "\x00"), ("months", "61")):
        status, told = ask(f"{field}={wrong}")
        assert status in (400, 422) and field in json.dumps(told)


def test_csv_has_all_entries_and_no_formula(ann):
    three_months(ann)
    entries_of(make_user(), 5)  # somebody else's
    client = signed_in(ann)
    response = client.get(reverse("units-csv"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "units.csv" in response["Content-Disposition"] and response.streaming
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert len(rows) == ann.ledger_entries.count()
    assert sum(int(row["units"]) for row in rows) == ledger.balance_of(ann).total
    assert rows[0]["reason"] == f"'{HOSTILE}" and rows[0]["kind"] == "correct"
    october = client.get(reverse("statement-csv", args=["2026-10"])).getvalue().decode()
    assert len(october.splitlines()) == 1 + 4
    assert "expire" in october


@pytest.mark.parametrize("name", ["units", "units-csv", "units-use"])
def test_only_who_is_signed_in_sees_units(name):
    response = Client().get(reverse(name))
    assert response.status_code == 302 and response["Location"].startswith("/login/")
    for its in ("statement", "statement-csv"):
        assert Client().get(reverse(its, args=["2026-10"])).status_code == 302
