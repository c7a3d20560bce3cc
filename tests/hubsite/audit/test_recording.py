"""What people do is in the audit once: who, from where, in whose name; and never a secret."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import DatabaseError, connection, transaction

from accounts.deletion import forget_person
from accounts.tokens import personal
from accounts.tokens.clients import create_client
from accounts.units import ledger
from hubsite import audit, switches
from hubsite.audit import changing
from hubsite.audit.context import Where, within
from hubsite.audit.entry import AuditEntry, Via
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


def newest() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def test_an_action_that_is_not_in_the_list_is_refused():
    with pytest.raises(LookupError, match=r"actions\.py"):
        audit.record("units.stolen")


def test_an_entry_belongs_to_the_transaction_of_the_change():
    user = make_user()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ledger.grant(user, 5, key="k", actor="command line: ann@host")
        1 / 0  # noqa: B018
    assert not AuditEntry.objects.exists()


def test_units_are_told_once_with_who_and_why(rf):
    user, operator = make_user(), make_user("operator@example.org")
    ledger.grant(user, 500, key="k", reason="as agreed", actor=operator)
    ledger.grant(user, 500, key="k", reason="as agreed", actor=operator)  # repeated
    ledger.reserve(user, 5, reference="job", key="r")  # nobody did that
    ledger.settle("job")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.actor_name, entry.about) == (
        "units.granted",
        operator,
        operator.email,
        user,
    )
    assert (entry.detail, entry.label, entry.via) == ("+500, as agreed", user.email, Via.WORKER)


@pytest.mark.parametrize(
    ("path", "via"),
    [("/admin/jobs/job/", "admin"), ("/api/v2/cubegens", "api"), ("/account/", "page")],
)
def test_the_request_says_who_and_from_where(rf, settings, path: str, via: str):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_AUDIT_ADDRESSES": True}
    user = make_user()
    request = rf.post(path, headers={"X-Request-Id": "proxy-12345678"}, REMOTE_ADDR="192.0.2.7")
    request.user = user
    with within(audit.of_request(request)):
        audit.record("token.made", on=("token", "1", "laptop"))
    entry = newest()
    assert (entry.actor, entry.via, entry.request_id) == (user, via, "proxy-12345678")
    assert entry.address == "192.0.2.7"


def test_an_address_is_kept_only_if_operators_want_it_and_ids_of_requests_are_checked(rf):
    request = rf.get("/", headers={"X-Request-Id": "<script>alert(1)</script>"})
    with within(audit.of_request(request)):
        audit.record("token.made")
    assert newest().address == ""
    assert len(newest().request_id) == 32


def test_who_acts_for_somebody_is_the_actor():
    operator, user = make_user("operator@example.org"), make_user()
    with within(Where(Via.API)):
        audit.acting_for(operator, user)
        audit.record("job.cancelled", actor=user.username, on=("jobs.job", "1", "job"))
    entry = newest()
    assert (entry.actor, entry.acted_for, entry.about) == (operator, user, user)
    assert (entry.actor_name, entry.acted_for_name) == (operator.email, user.email)


@pytest.mark.parametrize(
    ("actor", "is_person"),
    [
        (f"a{'0' * 32}", True),
        (f"user a{'0' * 32}", True),
        ("command line: ann@host", True),
        ("hub", False),
        ("worker", False),
        ("follower", False),
        (f"a{'0' * 31}", False),
    ],
)
def test_parts_of_the_hub_are_no_persons(actor: str, is_person: bool):
    assert audit.is_person(actor) is is_person


def test_a_change_in_the_admin_is_told_with_fields_and_without_values():
    operator, user = make_user("operator@example.org"), make_user()
    LogEntry.objects.log_actions(
        operator.pk, [user], CHANGE, [{"changed": {"fields": ["E-mail", "Active"]}}]
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.about) == ("object.changed", operator, user)
    assert entry.detail == "changed: E-mail, Active"


def test_what_a_room_told_already_is_not_told_again_by_the_admin():
    operator, user = make_user("operator@example.org"), make_user()
    with within(Where(Via.ADMIN)):
        ledger.correct(user, 5, key="k", reason="sorry", actor=operator)
        LogEntry.objects.log_actions(operator.pk, [user], CHANGE, "correct 5 processing units")
        assert AuditEntry.objects.get().action == "units.corrected"
        fields = [{"changed": {"fields": ["E-mail"]}}]
        LogEntry.objects.log_actions(operator.pk, [user], CHANGE, fields)
    assert list(AuditEntry.objects.values_list("action", flat=True)) == [
        "object.changed",
        "units.corrected",
    ]


def test_no_secret_gets_into_it():
    user = make_user()
    row, token = personal.make_token(user, name="laptop", scopes=[], days=3)
    client, secret = create_client(user, scopes=[], name="robot", secret="hunter2-hunter2")
    personal.revoke_token(user, row.jti)
    client.revoke()
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["token.made", "client.made", "token.revoked", "client.revoked"]
    for entry in AuditEntry.objects.all():
        texts = " ".join(str(getattr(entry, field.attname)) for field in entry._meta.fields)
        assert token not in texts
        assert token.rpartition(".")[2] not in texts
        assert secret not in texts


def test_a_suspended_service_is_told_once(django_capture_on_commit_callbacks):
    operator = make_user("operator@example.org")
    switches.suspend("xcube_gen", message="Maintenance.", actor=operator.username)
    switches.resume("xcube_gen", actor="command line: ann@host")
    rows = AuditEntry.objects.order_by("pk").values_list("action", "actor_name", "label", "detail")
    assert list(rows) == [
        ("service.suspended", operator.email, "xcube_gen", "Maintenance."),
        ("service.resumed", "command line: ann@host", "xcube_gen", ""),
    ]


def test_hostile_texts_are_bounded_and_storable():
    audit.record(
        "object.changed",
        actor="command line: " + "x" * 500,
        on=("kind", "1" * 500, "\0=cmd|' /C calc'!A0 \ud800" * 100),
        detail={"field": "\0" + "<script>" * 1000},
    )
    entry = newest()
    assert "\0" not in entry.label
    assert (len(entry.label), len(entry.detail), len(entry.actor_name)) == (300, 2000, 254)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hubsite_auditentry SET actor_name = 'someone else'",
        "DELETE FROM hubsite_auditentry",
    ],
)
def test_the_database_refuses_to_change_it(statement: str):
    audit.record("token.made", actor="command line: ann@host")
    with (
        pytest.raises(DatabaseError, match="only grows"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
        AuditEntry.objects.update(detail="")
    assert newest().actor_name == "command line: ann@host"


def test_after_a_change_that_was_allowed_it_is_closed_again():
    audit.record("token.made")
    with changing.changing():
        AuditEntry.objects.update(detail="changed")
    assert newest().detail == "changed"
    with pytest.raises(ZeroDivisionError), changing.changing():
        1 / 0  # noqa: B018
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_a_deleted_person_is_named_nowhere_and_what_was_done_stays():
    user, other = make_user("ann@example.org"), make_user("joann@example.org")
    old = user.username
    ledger.grant(user, 500, key="k", reason="as agreed", actor=other)
    ledger.grant(other, 5, key="k2", reason="a gift of ann@example.org", actor=user)
    create_client(user, scopes=[], name="Ann's laptop")
    audit.record("job.cancelled", actor=user, on=("jobs.job", "7", f"{old}-job"), about=user)
    forget_person(user, actor=f"user {other.username}")
    user.refresh_from_db()
    rows = AuditEntry.objects.order_by("pk")
    texts = " ".join(
        f"{e.actor_name} {e.acted_for_name} {e.label} {e.detail} {e.object_id}" for e in rows
    ).replace("joann@example.org", "")
    for gone in ("ann@example.org", old, "laptop"):
        assert gone not in texts
    assert [entry.action for entry in rows] == [
        "units.granted",
        "units.granted",
        "client.made",
        "job.cancelled",
        "user.deleted",
    ]
    assert rows[0].actor_name == "joann@example.org"
    assert (rows[1].actor, rows[1].actor_name) == (user, user.username)
    assert rows[1].detail == f"+5, a gift of {user.username}"
    assert rows[3].label == f"{user.username}-job"
    assert rows[4].actor == other


def test_what_is_older_than_it_is_kept_goes(settings):
    audit.record("token.made")
    with changing.changing():
        AuditEntry.objects.update(at="2020-01-01T00:00:00Z")
    audit.record("token.revoked")
    assert changing.forget_old() == 0  # kept for good
    settings.HUB = {**settings.HUB, "XCUBE_HUB_AUDIT_DAYS": 30}
    assert changing.forget_old() == 1
    assert newest().action == "token.revoked"


def test_the_entries_of_an_object_and_of_a_user_in_one_query(django_assert_num_queries):
    user, other = make_user(), make_user("other@example.org")
    job = ("jobs.job", "7", "job")
    audit.record("job.submitted", actor=user, on=job, about=user)
    audit.record("job.cancelled", actor=other, on=job, about=user)
    ledger.grant(user, 5, key="k", actor=other)
    audit.record("token.made", actor=other)
    with django_assert_num_queries(1):
        of_user = audit.entries_of(user)
    assert [entry.action for entry in of_user] == [
        "units.granted",
        "job.cancelled",
        "job.submitted",
    ]
    assert len(audit.entries_of(user, most=2)) == 2
    assert [entry.action for entry in audit.entries_of(other)] == [
        "token.made",
        "units.granted",
        "job.cancelled",
    ]
