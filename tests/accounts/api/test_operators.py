"""Operators script what the admin does with users, and with what opens their accounts."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from accounts.models import Identity, PersonDeletion, User
from accounts.notices.webhooks import targets
from accounts.tokens.clients import create_client
from accounts.tokens.personal import make_token
from accounts.units import ledger
from hubsite.audit import AuditEntry
from tests.accounts.factories import make_user
from tests.accounts.operator_calls import calls_of
from tests.api_document import answer_faults
from tests.services.factories import make_instance, make_share

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return make_user("operator@example.org", permissions=["operate:hub"])


@pytest.fixture
def ann():
    return make_user("ann@example.org", permissions=["manage:cubegens"], units=100)


@pytest.fixture
def call(client, operator):
    return calls_of(client, operator)


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_user_is_made_with_roles_changed_and_switched_off(call):
    made = call("POST", "users", {"email": "new@example.org", "roles": ["support"]}, status=201)
    assert answer_faults("POST /operator/users", 201, made) == []
    assert (made["roles"], made["permissions"]) == (["support"], ["read:hub", "read:users"])
    call("POST", "users", {"email": "NEW@example.org"}, status=409)
    call("POST", "users", {"email": "nothing"}, status=400)
    path = f"users/{made['user_id']}"
    call("PATCH", path, {"is_active": False}, status=403)  # who reads the hub is an operator here
    changed = call("PATCH", path, {"roles": ["cube-generation"]})
    assert changed["roles"] == ["cube-generation"]
    off = call("PATCH", path, {"is_active": False, "reason": "left", "end_work": True})
    assert off["is_active"] is False
    told = AuditEntry.objects.get(action="user.switched_off")
    assert (told.detail, told.via) == ("left", "api")
    assert AuditEntry.objects.filter(action="user.roles_changed").first().detail == (
        "+cube-generation -support"
    )
    for wrong in ({}, {"roles": ["nothing"]}, {"roles": "support"}, {"is_active": "no"}):
        assert call("PATCH", path, wrong, status=400)["errors"]


def test_only_a_superuser_changes_a_superuser(call):
    boss = User.objects.create_superuser("boss@example.org", "x")
    call("PATCH", f"users/{boss.user_id}", {"roles": []}, status=403)
    call("PATCH", f"users/{boss.user_id}", {"is_active": False}, status=403)


def test_units_are_set_or_end_on_a_day(call, ann):
    path, key = f"users/{ann.user_id}/units", {"Idempotency-Key": "k1"}
    total = call("POST", path, {"kind": "total", "units": 7, "reason": "so"}, **key)
    assert total["balance"]["total"] == 7
    last = (timezone.now().date().replace(day=1)).replace(year=timezone.now().year + 1)
    body = {"kind": "grant", "units": 5, "reason": "course", "expires": last.isoformat()}
    call("POST", path, body, **{"Idempotency-Key": "k2"})
    assert (ledger.available(ann), ann.expiring_units.get().remaining) == (12, 5)
    call("POST", path, {**body, "expires": "9999-12-31"}, **{"Idempotency-Key": "far"})
    key = {"Idempotency-Key": "k3"}
    for wrong in (
        {**body, "kind": "total"},
        {**body, "expires": "2020-01-01"},
        {**body, "units": "5"},
        {"kind": "total", "units": -1},
        {"kind": "grant", "units": 0},
        {"kind": "correct", "units": 3},
    ):
        assert call("POST", path, wrong, status=400, **key)["errors"], wrong


def test_a_person_is_deleted_after_the_e_mail_was_typed(call, ann, operator):
    path = f"users/{ann.user_id}/deletion"
    call("GET", path, status=404)
    assert call("POST", path, {"typed": "bob@example.org"}, status=400)["errors"][0]["field"] == (
        "typed"
    )
    begun = call("POST", path, {"typed": " ANN@example.org "}, status=202)
    assert answer_faults("POST /operator/users/{user_id}/deletion", 202, begun) == []
    assert call("GET", path) == begun
    assert PersonDeletion.objects.get().asked_by == operator
    call("POST", f"users/{operator.user_id}/deletion", {"typed": operator.email}, status=409)


def test_what_opens_an_account_is_listed_and_revoked_once(call, ann, settings):
    token, _ = make_token(ann, name="notebook", scopes=["manage:cubegens"], days=3)
    client, _ = create_client(ann, scopes=["manage:cubegens"], name="nightly")
    webhook, _ = targets.make(ann, name="server", url="https://example.org/a?s=1", wanted=[])
    for kind, path in (
        ("tokens", f"tokens/{token.jti}/revoke"),
        ("clients", f"clients/{client.client_id}/revoke"),
        ("webhooks", f"webhooks/{webhook.webhook_id}/off"),
    ):
        (found,) = call("GET", f"{kind}?owner={ann.email.upper()}")
        assert answer_faults(f"GET /operator/{kind}", 200, [found]) == []
        assert call("POST", path) == {"changed": True}
        assert call("POST", path) == {"changed": False}
        call("POST", path.replace(path.split("/")[1], "0" * 32), status=404)
    assert call("GET", f"tokens?owner={ann.user_id}&is_valid=true") == []
    assert len(call("GET", f"clients?owner={ann.user_id}&is_valid=false")) == 1
    assert "s=1" not in AuditEntry.objects.get(action="webhook.switched_off").detail
    for query in ("is_valid=perhaps", "owner=" + "x" * 300, "limit=-1", "before=x"):
        call("GET", f"tokens?{query}", status=400)


def test_a_share_is_valid_as_long_as_its_owner_is_active(call, ann):
    share = make_share(make_instance(ann))
    for is_active, valid, others in ((True, [share.pk], []), (False, [], [share.pk])):
        User.objects.filter(pk=ann.pk).update(is_active=is_active)
        for query, wanted in (("true", valid), ("false", others)):
            rows = call("GET", f"shares?owner={ann.user_id}&is_valid={query}")
            assert [row["id"] for row in rows] == wanted


def test_a_leaked_secret_is_found_in_a_text_and_revoked_and_never_repeated(call, ann):
    token, text = make_token(ann, name="notebook", scopes=["manage:cubegens"], days=3)
    pasted = {"text": f"curl -H 'Authorization: Bearer {text}' https://hub.example.org"}
    (found,) = call("POST", "leaked", pasted)
    assert answer_faults("POST /operator/leaked", 200, [found]) == []
    assert (found["is_valid"], found["can_be_revoked"], found["is_revoked"]) == (True, True, False)
    assert found["owner"]["email"] == ann.email
    (revoked,) = call("POST", "leaked", {**pasted, "revoke": True})
    assert revoked["is_revoked"]
    assert text not in json.dumps(revoked)
    token.refresh_from_db()
    assert token.revoked_at
    (again,) = call("POST", "leaked", {**pasted, "revoke": True})
    assert (again["is_valid"], again["is_revoked"]) == (False, False)
    assert call("POST", "leaked", {"text": "nothing to see here"}) == []
    for wrong in ({}, {"text": "x" * 40_000}, {"text": 7}, {"text": "x", "revoke": "yes"}):
        assert call("POST", "leaked", wrong, status=400)["errors"]


def test_an_identity_that_waits_is_linked_but_to_no_operator(call, ann, operator):
    waits = Identity.objects.create(issuer="https://idp.example.org", subject="1", email="a@b.org")
    assert [row["id"] for row in call("GET", "identities?waits=true")] == [waits.pk]
    path = f"identities/{waits.pk}/link"
    call("POST", path, {"user_id": operator.user_id}, status=403)
    call("POST", path, {"user_id": "nobody"}, status=404)
    assert call("POST", path, {"user_id": ann.user_id}) == {"changed": True}
    assert call("POST", path, {"user_id": ann.user_id}) == {"changed": False}
    assert call("GET", f"identities?owner={ann.user_id}")[0]["user"]["email"] == ann.email
    call("POST", f"identities/{waits.pk}/refuse-tokens")
    waits.refresh_from_db()
    assert (waits.user, waits.not_before is not None) == (ann, True)


def test_units_of_each_month_are_granted_and_ended(call, ann):
    body = {
        "user_id": ann.user_id,
        "units": 50,
        "first_month": "2026-12-24",
        "reason": "as agreed",
    }
    made = call("POST", "monthly-grants", body, status=201)
    assert answer_faults("POST /operator/monthly-grants", 201, made) == []
    assert (made["first_month"], made["expires"]) == ("2026-12-01", True)
    assert call("GET", f"monthly-grants?owner={ann.user_id}") == [made]
    for wrong in ({"units": 0}, {"last_month": "2026-10-01"}, {"first_month": "soon"}):
        call("POST", "monthly-grants", {**body, **wrong}, status=400)
    assert call("DELETE", f"monthly-grants/{made['id']}") == {"changed": True}
    call("DELETE", f"monthly-grants/{made['id']}", status=404)
    call("DELETE", f"monthly-grants/{10**30}", status=404)


def test_a_service_of_the_hub_is_suspended_and_opened_again(call):
    names = {row["service"] for row in call("GET", "switches")}
    assert "xcube_gen" in names
    path = "switches/xcube_gen"
    assert call("POST", f"{path}/suspend", {"message": "Until 14:00."}) == {"ended": 0}
    row = next(row for row in call("GET", "switches") if row["service"] == "xcube_gen")
    assert answer_faults("GET /operator/switches", 200, [row]) == []
    assert (row["status"], row["message"]) == ("Suspended", "Until 14:00.")
    assert call("POST", f"{path}/resume") == {"changed": True}
    assert call("POST", f"{path}/resume") == {"changed": False}
    call("POST", "switches/nothing/suspend", {"message": "x"}, status=400)
    for wrong in ({}, {"message": ""}, {"message": "x" * 5000}, {"message": "x", "end_work": 1}):
        call("POST", f"{path}/suspend", wrong, status=400)
