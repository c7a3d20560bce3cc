"""Machines' accounts, corrections and units that expire, by command."""

from __future__ import annotations

import json
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as HttpClient

from accounts.models import Client, LedgerEntry, User
from accounts.tokens.hub_tokens import verify_token
from accounts.units import ledger
from accounts.units.expiry import expire_due, expiring_next
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

COMMANDS = [
    "create_service_account",
    "correct_units",
    "rotate_signing_key",
    "forget_person",
    "usage_report",
]


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        run(command, "--help")
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.split("\n\n")[1]) > 40


def service_account(*more: str) -> dict[str, Any]:
    arguments = ["--permission", "read:users", "--permission", "create:users", "--json"]
    return json.loads(run("create_service_account", "--name", "marketplace", *arguments, *more))


def test_a_machine_gets_an_account_and_a_client_that_may_what_it_needs():
    made = service_account()
    user = User.objects.get(email=made["email"])
    assert user.is_service_account
    assert not user.has_usable_password()
    pair = {name: made[name] for name in ("client_id", "client_secret")}
    token = HttpClient().post("/api/v2/oauth/token", pair, content_type="application/json").json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert verify_token(token["access_token"]).scopes == {"read:users", "create:users"}
    response = HttpClient().put(
        "/api/v2/services/xcube_gen/subscriptions",
        {"email": "peter@mail.com", "guid": "g-1", "units": 10},
        content_type="application/json",
        headers=headers,
    )
    assert response.status_code == 200


def test_it_may_keep_the_id_and_secret_that_it_has():
    given = service_account("--client-id", "Auth0-Id", "--client-secret", "its secret")
    assert (given["client_id"], given["client_secret"]) == ("Auth0-Id", "its secret")


def test_one_that_exists_is_not_changed():
    service_account()
    with pytest.raises(CommandError, match="already"):
        service_account()
    assert Client.objects.count() == 1


@pytest.mark.parametrize("name", ["", "Market", "a b", "a-", "x" * 51, "a@b"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(CommandError, match="--name must be"):
        run("create_service_account", "--name", name, "--permission", "read:users")
    assert not User.objects.exists()


def test_a_correction_needs_a_reason_and_is_kept():
    user = make_user("ann@example.org", units=10)
    run("correct_units", "--email", "ann@example.org", "--units=-3", "--reason", " billed twice ")
    entry = LedgerEntry.objects.get(kind="correct")
    assert (entry.units, entry.reason) == (-3, "billed twice")
    assert ledger.available(user) == 7
    for units, reason, message in (
        (0, "x", "--units must be"),
        (5, " ", "--reason must"),
        (-8, "x", "7 units in all"),
        (10**13, "x", "--units must be"),
    ):
        with pytest.raises(CommandError, match=message):
            run("correct_units", "--email", user.email, f"--units={units}", "--reason", reason)


def test_a_correction_with_a_key_counts_once():
    user = make_user(units=10)
    options = ["--email", user.email, "--units", "5", "--reason", "gift", "--key", "k"]
    for _ in range(2):
        run("correct_units", *options)
    assert ledger.available(user) == 15


def test_units_may_be_granted_until_a_day():
    user = make_user("ann@example.org")
    last = date.today() + timedelta(days=10)
    run("grant_units", "--email", user.email, "--units", 5, "--expires", last.isoformat())
    ((at, units),) = expiring_next(user)
    assert (at.date(), units) == (last + timedelta(days=1), 5)
    assert expire_due(now=at) == 5
    for wrong in ("tomorrow", "2020-01-01", "9999-12-31"):
        with pytest.raises(CommandError):
            run("grant_units", "--email", user.email, "--units", 5, "--expires", wrong)
    with pytest.raises(CommandError, match="goes with a grant"):
        run(
            *("grant_units", "--email", user.email, "--units", 5, "--override"),
            *("--expires", last.isoformat()),
        )


@pytest.mark.parametrize("command", ["grant_units", "correct_units"])
def test_a_key_with_another_number_of_units_is_told(command):
    user = make_user()
    options = ["--email", user.email, "--key", "k", "--reason", "gift"]
    run(command, *options, "--units", 5)
    with pytest.raises(CommandError, match="was used for another"):
        run(command, *options, "--units", 6)
    assert ledger.available(user) == 5
