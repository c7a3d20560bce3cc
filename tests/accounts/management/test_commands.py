"""The accounts' management commands: what they print, change and refuse."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.test import Client as HttpClient

from accounts.models import AccessToken, Balance, Client, LedgerEntry, User
from accounts.roles import permissions_of
from accounts.tokens.hub_tokens import InvalidToken, issue_token, verify_token
from accounts.units import ledger
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

COMMANDS = ["create_client", "grant_units", "issue_token", "revoke_token", "check_ledger"]


def run(*arguments: Any) -> str:
    stdout = StringIO()
    call_command(*map(str, arguments), stdout=stdout, stderr=StringIO())
    return stdout.getvalue()


def create_client(*more: Any, email: str = "ann@example.org") -> dict[str, Any]:
    arguments = ["--email", email, "--permission", "manage:cubegens", *more]
    return json.loads(run("create_client", *arguments, "--json"))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        run(command, "--help")
    assert ended.value.code == 0
    usage, purpose, *_ = capsys.readouterr().out.split("\n\n")
    assert f"{command} [-h]" in usage
    assert len(purpose) > 40


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_required_arguments_are_named(command):
    with pytest.raises(CommandError, match="required"):
        run(command)


def test_create_client_makes_the_account_the_client_and_its_units():
    made = create_client("--permission", "process:cubegens", "--units", 40, "--name", "notebook")
    user = User.objects.get_by_email("ann@example.org")
    client = Client.objects.get()
    assert made == {
        "user_id": user.user_id,
        "email": "ann@example.org",
        "client_id": client.client_id,
        "client_secret": made["client_secret"],
        "permissions": ["manage:cubegens", "process:cubegens"],
        "units_available": 40,
    }
    assert (client.name, client.owner) == ("notebook", user)
    assert set(user.groups.values_list("name", flat=True)) == {"cube-generation", "user-code"}
    response = HttpClient().post(
        "/api/v2/oauth/token",
        {"client_id": made["client_id"], "client_secret": made["client_secret"]},
        content_type="application/json",
    )
    principal = verify_token(response.json()["access_token"])
    assert principal.scopes == {"manage:cubegens", "process:cubegens"}


def test_create_client_for_people_prints_id_and_secret_by_line():
    text = run("create_client", "--email", "ann@example.org", "--permission", "operate:hub")
    lines = dict(line.split(": ") for line in text.splitlines())
    assert lines["client_id"] == Client.objects.get().client_id
    assert lines["client_secret"]
    assert lines["permissions"] == "operate:hub"
    assert User.objects.get().is_operator


def test_create_client_uses_the_account_that_exists():
    user = make_user("ann@example.org")
    first = create_client(email="ANN@example.org")
    second = create_client()
    assert first["user_id"] == second["user_id"] == user.user_id
    assert first["client_id"] != second["client_id"]


def test_create_client_with_a_given_id_may_be_repeated():
    given = ["--client-id", "Migrated", "--client-secret", "a secret", "--units", 7]
    assert create_client(*given)["client_secret"] == "a secret"
    again = create_client(*given)
    assert again["client_secret"] is None
    assert again["units_available"] == 7
    assert Client.objects.count() == LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--client-secret", "s"], "needs --client-id"),
        (["--client-id", ""], "--client-id must be"),
        (["--client-id", "x" * 256], "--client-id must be"),
        (["--client-id", "x\ny"], "--client-id must be"),
        (["--name", "x" * 201], "--name must be"),
        (["--units", "-1"], "expected a whole number"),
        (["--units", "many"], "expected a whole number"),
        (["--units", str(10**12 + 1)], "expected a whole number"),
        (["--permission", "manage:everything"], "invalid choice"),
        (["--email", "nobody"], "not an e-mail address"),
    ],
)
def test_create_client_refuses_what_cannot_be_and_makes_nothing(arguments, message):
    with pytest.raises(CommandError, match=message):
        create_client(*arguments)
    assert not User.objects.exists()


def test_create_client_never_changes_a_client_that_exists():
    create_client("--client-id", "Migrated", "--client-secret", "a secret")
    for more, email, message in (
        (["--client-secret", "other"], "ann@example.org", "another secret"),
        ([], "bob@example.org", "another user"),
        (["--permission", "process:cubegens"], "ann@example.org", "other permissions"),
    ):
        with pytest.raises(CommandError, match=message):
            create_client("--client-id", "Migrated", *more, email=email)
    assert not User.objects.filter(email="bob@example.org").exists()
    assert permissions_of(User.objects.get()) == {"manage:cubegens"}
    Client.objects.get().revoke()
    with pytest.raises(CommandError, match="revoked"):
        create_client("--client-id", "Migrated")


def test_create_client_tells_when_the_role_was_narrowed():
    from django.contrib.auth.models import Group

    Group.objects.get_or_create(name="cube-generation")[0].permissions.clear()
    with pytest.raises(CommandError, match="no permission for manage:cubegens"):
        create_client()


def test_grant_units_adds_and_overrides():
    user = make_user("ann@example.org")
    run("grant_units", "--email", "Ann@example.org", "--units", 40, "--reason", "trial")
    ledger.reserve(user, 15, reference="job", key="k")
    text = run("grant_units", "--email", user.email, "--units", 5)
    assert "available: 30" in text.splitlines()
    told = run("grant_units", "--email", user.email, "--units", 0, "--override", "--json")
    assert json.loads(told) == {"email": user.email, "total": 0, "reserved": 15, "available": 0}
    reasons = LedgerEntry.objects.filter(kind="grant").values_list("reason", flat=True)
    assert set(reasons) == {"trial", ""}


def test_grant_units_with_a_key_counts_once():
    user = make_user()
    for _ in range(2):
        run("grant_units", "--email", user.email, "--units", 5, "--key", "2026-01")
    assert ledger.available(user) == 5
    with pytest.raises(CommandError, match="another grant"):
        run("grant_units", "--email", user.email, "--units", 5, "--key", "2026-01", "--override")


def test_grant_units_refuses_unknown_users_and_nothing():
    with pytest.raises(CommandError, match="no user with the e-mail bob@example.org"):
        run("grant_units", "--email", "bob@example.org", "--units", 5)
    with pytest.raises(CommandError, match="at least 1"):
        run("grant_units", "--email", make_user().email, "--units", 0)


def test_issue_token_prints_the_token_and_nothing_else():
    user = make_user(permissions=["manage:cubegens", "process:cubegens"])
    token = run("issue_token", "--email", user.email, "--lifetime-s", 60)
    assert token.count("\n") == 1
    principal = verify_token(token.strip())
    assert principal.user == user
    assert principal.scopes == {"manage:cubegens", "process:cubegens"}
    claims = jwt.decode(token.strip(), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    narrow = run("issue_token", "--email", user.email, "--permission", "manage:cubegens")
    assert verify_token(narrow.strip()).scopes == {"manage:cubegens"}


def test_issue_token_refuses_what_the_user_may_not():
    user = make_user(permissions=["manage:cubegens"])
    with pytest.raises(CommandError, match="no permission for operate:hub"):
        run("issue_token", "--email", user.email, "--permission", "operate:hub")
    for lifetime in ("0", "-5", "x", str(11 * 365 * 86400)):
        with pytest.raises(CommandError, match="whole number of seconds"):
            run("issue_token", "--email", user.email, "--lifetime-s", lifetime)
    assert not AccessToken.objects.exists()


def test_revoke_token_by_jti_and_by_user():
    user, other = make_user(), make_user()
    tokens = [issue_token(user, scopes=[]) for _ in range(3)]
    spared = issue_token(other, scopes=[])
    jti = jwt.decode(tokens[0], options={"verify_signature": False})["jti"]
    assert run("revoke_token", "--jti", jti) == "1 revoked\n"
    assert verify_token(tokens[1]).user == user
    assert run("revoke_token", "--email", user.email) == "2 revoked\n"
    for token in tokens:
        with pytest.raises(InvalidToken):
            verify_token(token)
    assert verify_token(spared).user == other


def test_revoke_token_refuses_what_it_does_not_know():
    with pytest.raises(CommandError, match="no token with the jti"):
        run("revoke_token", "--jti", "0" * 32)
    with pytest.raises(CommandError, match="not allowed with"):
        run("revoke_token", "--jti", "0", "--email", "a@b.org")


def test_check_ledger_ends_with_1_when_a_balance_is_not_explained(capsys):
    user = make_user(units=5)
    assert "Every balance" in run("check_ledger")
    Balance.objects.filter(user=user).update(total=6)
    stderr = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_ledger", stderr=stderr)
    assert ended.value.code == 1
    assert user.email in stderr.getvalue()
    assert "1 balance differs" in stderr.getvalue()
