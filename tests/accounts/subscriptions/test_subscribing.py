"""The subscriptions API as the marketplace uses it."""

from __future__ import annotations

import json
import re
from typing import Any

import jwt
import pytest
from django.test import Client as HttpClient
from django.utils import timezone

from accounts.models import Client, LedgerEntry, Subscription, SubscriptionEvent, User
from accounts.models.user_ids import user_id_of
from accounts.roles import give_role, permissions_of
from accounts.tokens.hub_tokens import verify_token
from accounts.units import ledger
from tests.accounts.factories import bearer, make_client, make_user
from tests.api_document import answer_faults, request_faults

pytestmark = pytest.mark.django_db

PETER = {"email": "peter@mail.com", "guid": "g-1"}
GEN = {**PETER, "units": 1000, "unit": "punits"}
GEODB = {**PETER, "units": 500, "unit": "cells"}


def url(service: str = "xcube_gen", subscription_id: str = "") -> str:
    return f"/api/v2/services/{service}/subscriptions" + (
        f"/{subscription_id}" if subscription_id else ""
    )


@pytest.fixture
def marketplace() -> dict[str, str]:
    return bearer(make_user("market@example.org", ["read:users", "create:users"]))


@pytest.fixture
def put(marketplace):
    def send(body: Any, service: str = "xcube_gen", status: int = 200) -> dict[str, Any]:
        response = HttpClient().put(
            url(service), json.dumps(body), content_type="application/json", headers=marketplace
        )
        answer = response.json()
        assert response.status_code == status, answer
        if status == 200:
            assert not request_faults("PUT /services/{service_id}/subscriptions", body)
        operation = "PUT /services/{service_id}/subscriptions"
        assert not answer_faults(operation, status, answer), answer
        return answer

    return send


@pytest.fixture
def get(marketplace):
    def fetch(service: str = "xcube_gen", email: str = "peter@mail.com", status: int = 200):
        response = HttpClient().get(url(service, user_id_of(email)), headers=marketplace)
        assert response.status_code == status, response.json()
        return response.json()

    return fetch


@pytest.fixture
def delete(marketplace):
    def end(service: str = "xcube_gen", email: str = "peter@mail.com", status: int = 200):
        response = HttpClient().delete(url(service, user_id_of(email)), headers=marketplace)
        assert response.status_code == status, response.json()
        return response.json()

    return end


def token_of(answer: dict[str, Any], **changes: str) -> Any:
    pair = {"client_id": answer["client_id"], "client_secret": answer.get("client_secret", "")}
    return HttpClient().post(
        "/api/v2/oauth/token", json.dumps({**pair, **changes}), content_type="application/json"
    )


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    token = token_of(answer).json()["access_token"]
    return jwt.decode(token, options={"verify_signature": False})


def peter() -> User:
    return User.objects.get_by_email("peter@mail.com")


def test_a_subscription_makes_the_user_and_all_that_they_need(put):
    answer = put({**GEN, "plan": "pro", "first_name": "Peter", "last_name": "Pan"})
    assert answer == {
        "subscription_id": user_id_of("peter@mail.com"),
        "email": "peter@mail.com",
        "guid": "g-1",
        "plan": "pro",
        "units": 1000.0,
        "unit": "punits",
        "client_id": answer["client_id"],
        "client_secret": answer["client_secret"],
        "start_date": timezone.now().date().isoformat(),
        "role": "cube-generation",
        "first_name": "Peter",
        "last_name": "Pan",
    }
    assert re.fullmatch(r"[0-9a-f]{32}", answer["client_id"])
    user = peter()
    assert (user.user_id, user.get_full_name()) == (answer["subscription_id"], "Peter Pan")
    assert not user.has_usable_password()
    assert permissions_of(user) == {"manage:cubegens"}
    assert ledger.available(user) == 1000
    principal = verify_token(token_of(answer).json()["access_token"])
    assert (principal.user, principal.scopes) == (user, {"manage:cubegens"})


def test_get_tells_all_members_with_nulls_and_never_the_secret(put, get):
    put(GEN)
    answer = get()
    assert answer["client_secret"] is None
    assert answer["option"] is answer["first_name"] is answer["registration"] is None
    assert answer["client_id"] == Client.objects.get(owner=peter()).client_id
    assert not answer_faults(
        "GET /services/{service_id}/subscriptions/{subscription_id}", 200, answer
    )


def test_the_secret_is_stored_as_a_hash_only(put):
    secret = put({**GEN, "client_id": "given-id", "client_secret": "given secret"})["client_secret"]
    assert secret == "given secret"
    client = Client.objects.get(client_id="given-id")
    assert "given secret" not in client.secret_hash
    generated = put({**GEN, "email": "b@mail.com"})["client_secret"]
    assert not Client.objects.filter(secret_hash__contains=generated).exists()


def test_sent_again_it_changes_nothing_and_tells_no_secret(put):
    first = put(GEN)
    ledger.reserve(peter(), 400, reference="job", key="k")
    ledger.settle("job")
    again = put(GEN)
    assert "client_secret" not in again
    assert again == {k: v for k, v in first.items() if k != "client_secret"}
    assert ledger.available(peter()) == 600
    assert SubscriptionEvent.objects.count() == 1
    assert token_of(first).status_code == 200


def test_sent_again_with_the_given_credentials_it_changes_nothing(put):
    body = {**GEN, "client_id": "peters-client", "client_secret": "peters-secret"}
    first = put(body)
    assert first["client_secret"] == "peters-secret"
    token = token_of(first).json()["access_token"]
    assert "client_secret" not in put(body)
    assert verify_token(token).user == peter()
    assert SubscriptionEvent.objects.count() == 1


def test_what_is_left_out_or_null_stays(put, get):
    put({**GEN, "plan": "pro", "option": "processing", "start_date": "2026-01-31"})
    before = get()
    assert "client_secret" not in put({**PETER, "plan": None, "units": None})
    assert get() == before
    assert SubscriptionEvent.objects.count() == 1
    assert ledger.available(peter()) == 1000


def test_what_get_told_may_be_put_back(put, get):
    put(GEN)
    before = get()
    put(before)
    assert get() == before
    assert SubscriptionEvent.objects.count() == 1


def test_other_units_set_the_balance_to_them(put):
    put(GEN)
    ledger.reserve(peter(), 400, reference="job", key="k")
    ledger.settle("job")
    put({**GEN, "units": 2000.9})
    assert ledger.available(peter()) == 2000
    put(GEN)  # back to 1000: that is another number again
    assert ledger.available(peter()) == 1000
    put({**GEN, "units": 0})
    assert ledger.available(peter()) == 0
    overrides = LedgerEntry.objects.filter(kind="override")
    assert list(overrides.values_list("units", flat=True)) == [0, 1000, 2000, 1000]


def test_a_plan_without_units_may_be_registered_and_leaves_a_balance_alone(put):
    user = make_user("peter@mail.com", units=7)
    put(PETER)
    assert ledger.available(user) == 7
    assert permissions_of(User.objects.get(pk=user.pk)) == {"manage:cubegens"}


def test_a_new_secret_works_and_the_old_one_and_its_tokens_stop(put):
    first = put(GEN)
    token = token_of(first).json()["access_token"]
    second = put({**GEN, "client_secret": "new secret"})
    assert (second["client_id"], second["client_secret"]) == (first["client_id"], "new secret")
    assert token_of(second).status_code == 200
    assert token_of(first).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert HttpClient().get("/api/v2/users/me", headers=headers).status_code == 401
    assert ledger.available(peter()) == 1000


def test_a_new_client_id_works_and_the_old_one_stops(put):
    first = put(GEN)
    second = put({**GEN, "client_id": "second"})
    assert second["client_secret"]
    assert token_of(second).status_code == 200
    assert token_of(first).status_code == 401
    third = put({**GEN, "client_id": first["client_id"], "client_secret": "third"})
    assert third["client_secret"] == "third"
    assert token_of(third).status_code == 200
    assert token_of(second).status_code == 401


def test_a_user_who_was_there_gets_working_credentials_and_keeps_theirs(put):
    user = make_user("Peter@Mail.com", ["manage:cubegens"])
    client, secret = make_client(user)
    answer = put(GEN)
    assert answer["email"] == "Peter@Mail.com"
    assert answer["subscription_id"] == user.user_id == user_id_of("Peter@Mail.com")
    assert token_of(answer).status_code == 200
    assert token_of({"client_id": client.client_id, "client_secret": secret}).status_code == 200
    assert User.objects.filter(email__iexact="peter@mail.com").count() == 1


def test_emails_match_however_they_are_written(put):
    put(GEN)
    put({**GEN, "email": " PETER@mail.com "})
    assert Subscription.objects.count() == 1


def test_one_pair_may_serve_several_services(put):
    gen = put({**GEN, "client_id": "one", "client_secret": "secret"})
    geoserv = put({**PETER, "client_id": "one", "client_secret": "secret"}, "xcube_geoserv")
    assert "client_secret" not in geoserv
    assert Client.objects.filter(owner=peter()).count() == 1
    principal = verify_token(token_of(gen).json()["access_token"])
    assert principal.scopes == {"manage:cubegens", "manage:collections"}
    put({**GEN, "client_id": "two"})
    assert token_of(gen).status_code == 200  # the other service still uses it


def test_a_client_id_of_another_user_is_refused_and_nothing_is_made(put):
    client, _ = make_client(make_user("bob@mail.com"))
    answer = put({**GEN, "client_id": client.client_id, "client_secret": "x"}, status=409)
    assert answer["errors"] == [{"field": "client_id", "message": "this client id is taken"}]
    assert not User.objects.filter(email="peter@mail.com").exists()
    client.refresh_from_db()
    assert client.owner.email == "bob@mail.com"


def test_processing_gives_own_code_and_the_downgrade_takes_it_away(put):
    assert put({**GEN, "option": "processing"})["role"] == "cube-generation user-code"
    assert permissions_of(peter()) == {"manage:cubegens", "process:cubegens"}
    assert put({**GEN, "option": ""})["role"] == "cube-generation"
    assert permissions_of(peter()) == {"manage:cubegens"}


def test_geodb_gives_the_role_claim_and_no_scope(put, get):
    answer = put({**GEODB, "plan": "manage"}, "xcube_geodb")
    assert answer["registration"]["state"] == "pending"
    assert answer["role"] == "geodb-manage"
    claims = claims_of(answer)
    assert claims["https://geodb.brockmann-consult.de/dbrole"] == "geodb_g-1"
    assert claims["scope"] == ""
    assert get("xcube_geodb")["registration"]["attempts"] == 0
    assert not LedgerEntry.objects.exists()  # cells are no processing units


@pytest.mark.parametrize(
    ("plan", "role"),
    [("manage", "geodb-manage"), ("freetrial", "geodb-free"), ("free", "geodb-user")],
)
def test_geodb_plans_are_roles(put, plan, role):
    put({**GEODB, "plan": "first"}, "xcube_geodb")
    assert put({**GEODB, "plan": plan}, "xcube_geodb")["role"] == role
    assert set(peter().groups.values_list("name", flat=True)) == {role}


def test_geoserver_gives_collections_whatever_the_unit(put):
    for unit in ("n/a", "euro", "cells", "punits"):
        put({**PETER, "unit": unit}, "xcube_geoserv")
    assert permissions_of(peter()) == {"manage:collections"}


@pytest.mark.parametrize(
    ("service", "unit", "message"),
    [
        ("xcube_gen", "cells", "Wrong unit for a xcube gen subscription"),
        ("xcube_gen", "n/a", "Wrong unit for a xcube gen subscription"),
        ("xcube_geodb", "punits", "Wrong unit for a geodb subscription"),
        ("xcube_geodb", "euro", "Wrong unit for a geodb subscription"),
    ],
)
def test_each_service_is_counted_in_its_unit(put, service, unit, message):
    answer = put({**PETER, "unit": unit, "units": 1}, service, 400)
    assert answer["errors"][0]["field"] == "unit"
    assert message in answer["message"]
    assert not User.objects.filter(email="peter@mail.com").exists()


def test_euro_count_as_processing_units(put):
    put({**GEN, "unit": "euro"})
    assert ledger.available(peter()) == 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", None),
        ("email", ""),
        ("email", "peter"),
        ("email", 7),
        ("email", f"{'p' * 250}@mail.com"),
        ("guid", None),
        ("guid", ""),
        ("guid", ["g"]),
        ("guid", "g\n1"),
        ("plan", {"a": 1}),
        ("plan", "x" * 101),
        ("units", "1000"),
        ("units", True),
        ("units", -1),
        ("units", 1e13),
        ("units", 10**39),
        ("unit", "pounds"),
        ("client_id", ""),
        ("client_id", "a" * 256),
        ("client_id", "a\x00b"),
        ("client_secret", ""),
        ("client_secret", 12345678),
        ("start_date", "yesterday"),
        ("start_date", 20260101),
        ("start_date", "2026-02-30"),
        ("option", 1),
        ("first_name", "x" * 151),
    ],
)
def test_a_member_of_the_wrong_kind_is_named(put, field, value):
    answer = put({**GEN, field: value}, status=400)
    assert [error["field"] for error in answer["errors"]] == [field]
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("body", ["[]", "7", "null", '"x"', "{", ""])
def test_a_body_that_is_no_object_is_refused(marketplace, body):
    response = HttpClient().put(url(), body, content_type="application/json", headers=marketplace)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_start_dates_may_be_points_in_time(put):
    assert put({**GEN, "start_date": "2026-01-31T10:00:00Z"})["start_date"] == "2026-01-31"


def test_members_that_the_hub_decides_and_unknown_ones_are_ignored(put):
    answer = put({**GEN, "role": "operator", "subscription_id": "x", "colour": "red"})
    assert answer["role"] == "cube-generation"
    assert answer["subscription_id"] == user_id_of("peter@mail.com")


@pytest.mark.parametrize("service", ["xcube_serve", "xcube", "%00"])
def test_an_unknown_service_is_400(marketplace, service):
    client = HttpClient()
    for send in (client.get, client.delete):
        assert send(url(service, "a1"), headers=marketplace).status_code == 400
    response = client.put(
        url(service), json.dumps(GEN), content_type="application/json", headers=marketplace
    )
    assert response.json()["errors"][0]["field"] == "service_id"


@pytest.mark.parametrize(
    ("permissions", "status"),
    [([], 403), (["read:users"], 403), (["create:users"], 403), (["manage:cubegens"], 403)],
)
def test_both_scopes_are_needed(permissions, status):
    headers = bearer(make_user(permissions=permissions))
    for send, path in (
        (HttpClient().put, url()),
        (HttpClient().get, url(subscription_id="a1")),
        (HttpClient().delete, url(subscription_id="a1")),
    ):
        assert send(path, content_type="application/json", headers=headers).status_code == status
        assert send(path, content_type="application/json").status_code == 401


def test_an_unknown_user_and_another_service_are_not_found(put, get, delete):
    put(GEN)
    assert "not found in service xcube_geodb" in get("xcube_geodb", status=404)["message"]
    assert get(email="nobody@mail.com", status=404)["status"] == 404
    delete("xcube_geoserv", status=404)
    delete(email="nobody@mail.com", status=404)


def test_deleting_takes_permissions_away_at_once_and_keeps_the_rest(put, get, delete):
    answer = put({**GEN, "option": "processing"})
    token = token_of(answer).json()["access_token"]
    ledger.reserve(peter(), 400, reference="job", key="k")
    assert delete() == answer["subscription_id"]
    assert verify_token(token).scopes == frozenset()
    assert permissions_of(peter()) == frozenset()
    assert ledger.available(peter()) == 600
    assert ledger.settle("job")
    get(status=404)
    delete(status=404)
    kinds = list(SubscriptionEvent.objects.values_list("kind", flat=True))
    assert kinds == ["started", "ended"]
    assert claims_of(answer)["scope"] == ""  # the pair opens nothing any more


def test_deleting_geodb_takes_the_role_claim_away(put, delete):
    answer = put(GEODB, "xcube_geodb")
    delete("xcube_geodb")
    assert "https://geodb.brockmann-consult.de/dbrole" not in claims_of(answer)


def test_a_subscription_that_ended_may_begin_anew(put, delete):
    first = put(GEN)
    ledger.reserve(peter(), 400, reference="job", key="k")
    ledger.settle("job")
    delete()
    again = put(GEN)
    assert "client_secret" not in again  # an omitted credential is the one before
    assert token_of(first).status_code == 200
    assert permissions_of(peter()) == {"manage:cubegens"}
    assert ledger.available(peter()) == 1000
    kinds = list(SubscriptionEvent.objects.values_list("kind", flat=True))
    assert kinds == ["started", "ended", "resumed"]


def test_a_role_that_an_operator_gave_outlives_the_subscription(put, delete):
    user = make_user("peter@mail.com")
    give_role(user, "cube-generation")
    put(GEN)
    delete()
    assert permissions_of(User.objects.get(pk=user.pk)) == {"manage:cubegens"}


def test_the_history_tells_what_changed_by_whom_and_no_secret(put):
    put({**GEN, "client_secret": "very secret 1"})
    put({**GEN, "units": 5, "plan": "pro", "client_secret": "very secret 2"})
    event = SubscriptionEvent.objects.last()
    assert event.kind == "changed"
    assert event.changes == {
        "plan": ["free", "pro"],
        "units": [1000.0, 5.0],
        "client_secret": ["old", "new"],
    }
    assert event.actor.startswith("user a")
    assert "very secret" not in json.dumps(list(SubscriptionEvent.objects.values("changes")))


def test_two_users_never_share_a_role_in_geodb(put):
    put(GEODB, "xcube_geodb")
    answer = put({**GEODB, "email": "mallory@mail.com"}, "xcube_geodb", 409)
    assert answer["errors"][0]["field"] == "guid"
    assert not User.objects.filter(email="mallory@mail.com").exists()


def test_a_role_in_geodb_is_not_given_on_when_its_subscription_ended(put, delete):
    put(GEODB, "xcube_geodb")
    delete("xcube_geodb")
    put({**GEODB, "email": "mallory@mail.com"}, "xcube_geodb", 409)


def test_a_users_role_in_geodb_stays(put):
    put(GEODB, "xcube_geodb")
    assert put({**GEODB, "guid": "g-2"}, "xcube_geodb", 409)["errors"][0]["field"] == "guid"
    assert Subscription.objects.get().guid == "g-1"


@pytest.mark.parametrize("guid", ["g" * 58, 'g";drop', "g 1", "-g", "gä", "g'1"])
def test_a_guid_must_do_as_the_name_of_a_database_role(put, guid):
    answer = put({**GEODB, "guid": guid}, "xcube_geodb", 400)
    assert answer["errors"][0]["field"] == "guid"


def test_an_account_that_is_switched_off_stays_off(put):
    user = make_user("peter@mail.com", is_active=False)
    put(GEN, status=409)
    assert not Subscription.objects.filter(user=user).exists()


def test_the_account_of_a_machine_is_no_subscriber(put):
    make_user("peter@mail.com", is_service_account=True)
    put(GEN, status=409)


def test_a_subscriber_who_operates_the_hub_gets_a_client_that_does_not(put):
    make_user("peter@mail.com", ["operate:hub", "read:users", "create:users"])
    principal = verify_token(token_of(put(GEN)).json()["access_token"])
    assert principal.scopes == {"manage:cubegens"}


def test_putting_takes_few_queries(put, django_assert_max_num_queries):
    put(GEN)
    with django_assert_max_num_queries(16):
        put(GEN)


def test_the_secret_of_a_client_that_may_more_is_not_the_marketplaces_to_set(put):
    operator = make_user("peter@mail.com", ["operate:hub", "manage:cubegens"])
    client, secret = make_client(operator, ["operate:hub"])
    body = {**GEN, "client_id": client.client_id, "client_secret": "the marketplace's"}
    assert put(body, status=409)["errors"][0]["field"] == "client_id"
    put(GEN)
    subscribed = Client.objects.get(subscriptions__user=operator)
    Client.objects.filter(pk=subscribed.pk).update(scopes=["operate:hub"])  # widened in the admin
    put({**GEN, "client_secret": "the marketplace's"}, status=409)
    pair = {"client_id": client.client_id, "client_secret": secret}
    assert token_of(pair).status_code == 200
    assert token_of({**pair, "client_secret": "the marketplace's"}).status_code == 401
