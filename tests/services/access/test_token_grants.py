"""Rights by bearer tokens: what a token opens, and how the edge hears of its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from accounts.models import AccessToken, Client, Identity
from accounts.sharing import giving
from accounts.tokens import hub_tokens
from accounts.tokens.hub_tokens import Principal, issue_token
from services import lifecycle
from services.access import reports
from services.access.decisions import Question, decide
from services.access.token_grants import grant_of
from services.models import Reason, ServiceInstance
from tests.accounts.factories import make_user
from tests.services import sharing
from tests.services.factories import shares_at

pytestmark = pytest.mark.django_db

ALL = ["manage:cubegens", "operate:hub"]


@pytest.fixture
def instance(world) -> ServiceInstance:
    return world.ready()


def ask(instance: ServiceInstance, token: str) -> dict[str, Any]:
    return decide(Question(instance.instance_id, bearer=token))


def ended(*grants: str) -> list[str]:
    return reports.record([], list(grants))["ended"]


@pytest.mark.parametrize(
    ("held", "scopes", "may"),
    [
        (ALL, ALL, True),
        (ALL, ["manage:cubegens"], False),
        (ALL, ["operate:hub"], False),
        (["manage:cubegens"], ALL, False),
        (["operate:hub"], ALL, False),
    ],
)
def test_an_operators_token_opens_others_services_only_if_its_scopes_say_so(
    instance, held, scopes, may
):
    token = issue_token(make_user(permissions=held), scopes=scopes)
    assert ask(instance, token)["allow"] is may


def test_a_token_of_the_owner_without_the_scope_opens_nothing(instance):
    assert ask(instance, issue_token(instance.owner, scopes=[]))["why"] == "unknown"
    assert ask(instance, "nonsense")["why"] == "sign_in"
    assert ask(instance, "a.b.c")["why"] == "sign_in"


@pytest.fixture
def guest(instance) -> Any:
    user = make_user(permissions=["manage:cubegens"])
    sharing.share_with(instance, user, by=instance.owner)
    return user


def _withdraw(instance: ServiceInstance, guest: Any) -> None:
    giving.withdraw(shares_at(instance).get(), by=instance.owner)


def _past(rows: Any) -> None:
    rows.update(expires_at=timezone.now() - timedelta(seconds=1))


CAUSES = {
    "nothing": lambda instance, guest: None,
    "share withdrawn": _withdraw,
    "share expired": lambda instance, guest: _past(shares_at(instance)),
    "token revoked": lambda instance, guest: hub_tokens.revoke_tokens(AccessToken.objects.all()),
    "token expired": lambda instance, guest: _past(AccessToken.objects),
    "token deleted": lambda instance, guest: AccessToken.objects.all().delete(),
    "client revoked": lambda instance, guest: Client.objects.update(revoked_at=timezone.now()),
    "client lost the scope": lambda instance, guest: Client.objects.update(scopes=[]),
    "user lost the scope": lambda instance, guest: guest.user_permissions.clear(),
    "user switched off": lambda instance, guest: type(guest).objects.filter(pk=guest.pk).update(
        is_active=False
    ),
    "owner switched off": lambda instance, guest: type(guest).objects.filter(
        pk=instance.owner_id
    ).update(is_active=False),
    "instance stopped": lambda instance, guest: lifecycle.stop(
        instance, actor="ann", reason=Reason.OWNER
    ),
    "instance failed": lambda instance, guest: lifecycle.fail(
        instance, Reason.LOST, "", actor="observer"
    ),
}  # fmt: skip


@pytest.mark.parametrize("cause", CAUSES)
def test_its_right_ends_with_its_cause(instance, guest, cause):
    client = Client.objects.create(
        owner=guest, client_id="c1", secret_hash="x", scopes=["manage:cubegens"]
    )
    token = issue_token(guest, client=client, scopes=["manage:cubegens"])
    answer = ask(instance, token)
    assert answer["allow"], answer
    assert ended(answer["grant"]) == []
    CAUSES[cause](instance, guest)
    told = reports.record([], [answer["grant"]])
    goes_on = cause == "nothing"
    assert (told["ended"] == []) is goes_on
    if cause != "token expired":  # a token that is shown again says itself when it expires
        assert ask(instance, token)["allow"] is goes_on
    is_over = cause.startswith("instance")
    assert told["stopped"] == ([instance.instance_id] if is_over else [])


def foreign(instance: ServiceInstance, user: Any, *, scopes: Any, expires_s: int = 600) -> str:
    """The grant by a token of which the hub keeps no row, as of a provider or the old service."""
    now = int(timezone.now().timestamp())
    claims = {"iss": "https://elsewhere.example.org", "iat": now - 5, "exp": now + expires_s}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256")
    return grant_of(token, Principal(user, frozenset(scopes), jti="", client_id=None), instance)


def test_a_foreign_token_counts_until_it_expires(instance, guest):
    assert ended(foreign(instance, guest, scopes=["manage:cubegens"])) == []
    past = foreign(instance, guest, scopes=["manage:cubegens"], expires_s=-1)
    assert ended(past) == [past]


def test_a_foreign_token_that_was_refused_later_has_ended(instance, guest):
    grant = foreign(instance, guest, scopes=["manage:cubegens"])
    identity = Identity.objects.create(issuer="https://elsewhere.example.org", subject="1")
    identity.user, identity.not_before = guest, timezone.now() - timedelta(minutes=5)
    identity.save()
    assert ended(grant) == []
    identity.not_before = timezone.now()
    identity.save()
    assert ended(grant) == [grant]


def test_a_foreign_token_of_an_operator_is_one_by_its_own_scopes(instance):
    user = make_user()
    plain, operators = foreign(instance, user, scopes=ALL[:1]), foreign(instance, user, scopes=ALL)
    assert ended(plain, operators) == [plain]
    user.is_active = False
    user.save()
    assert ended(operators) == [operators]


@pytest.mark.parametrize("count", [1, 12])
def test_its_queries_do_not_grow(world, django_assert_num_queries, count):
    """Those of tokens, foreign tokens' users, identities, instances, shares, and states."""
    instances = [world.ready() for _ in range(3)]
    grants = []
    for number in range(count):
        instance = instances[number % 3]
        user = make_user(permissions=ALL)
        token = issue_token(user, scopes=ALL)
        grants.append(ask(instance, token)["grant"])
        guest = make_user(permissions=ALL[:1])
        sharing.share_with(instance, guest, by=instance.owner)
        grants.append(ask(instance, issue_token(guest, scopes=ALL))["grant"])
        grants.append(foreign(instance, guest, scopes=ALL[:1]))
    with django_assert_num_queries(6):
        assert ended(*grants) == []
