"""What it costs to know who asks: each call of the API pays it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import jwt
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.api.authentication import principal_of
from accounts.models import User
from accounts.sign_on import documents
from accounts.tokens.hub_tokens import issue_token
from tests.accounts.factories import make_user
from tests.accounts.sign_on import issuer

from .report import alternate

CALLS = 200
ROUNDS = 9

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db]


@pytest.fixture
def tokens(settings) -> dict[str, str]:
    """A token of the hub's and one of a provider's, of a user with a role."""
    documents.forget_all()
    its = issuer.provider()
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": (its,)}
    issuer.publish(its)
    user = make_user("ann@example.org")
    user.groups.add(Group.objects.get(name="cube-generation"))
    theirs = issuer.token(email="ann@example.org")
    principal_of(theirs)  # makes the identity
    return {"the hub's": issue_token(user, scopes=["manage:cubegens"]), "a provider's": theirs}


def cpu_s(do: Callable[[], object]) -> float:
    """Processor time of one call: what else runs here does not count."""
    began = time.process_time()
    for _ in range(CALLS):
        do()
    return (time.process_time() - began) / CALLS


@pytest.mark.parametrize("whose", ["the hub's", "a provider's"])
def test_a_token_costs_little_and_one_query(report, tokens, whose):
    text = tokens[whose]

    def least() -> None:
        """The least that anybody could do: the signature and one row by Django's own means."""
        if whose == "the hub's":
            jwt.decode(text, options={"verify_signature": False})
        else:
            jwt.decode(
                text,
                issuer.key().public_key(),
                algorithms=["RS256"],
                audience=issuer.AUDIENCE,
                issuer=issuer.ISSUER,
            )
        User.objects.get(email="ann@example.org")

    pairs = alternate(
        partial(cpu_s, partial(principal_of, text)), partial(cpu_s, least), rounds=ROUNDS
    )
    report.ratio(f"{whose} token / signature and one row", pairs, unit="s", at_most=1.5)
    with CaptureQueriesContext(connection) as queries:
        principal_of(text)
    report.count(f"{whose} token: queries", len(queries), limit="≤ 1", holds=len(queries) <= 1)
