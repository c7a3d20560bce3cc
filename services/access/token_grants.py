"""Rights by bearer tokens, as the edge names them in its reports: are they still rights?

A token of the hub is named by its id, so its row decides. Of other tokens (of providers, or of
the old service) the hub keeps nothing, so the name holds what was in them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from django.utils import timezone

from accounts.models import AccessToken, Identity, Share, User
from accounts.scopes import MANAGE_CUBEGENS, OPERATE_HUB
from accounts.sign_on.documents import provider_by_issuer
from accounts.tokens.hub_tokens import Principal
from accounts.tokens.lookup import USER_FIELDS, held_columns, user_and_held, valid_tokens

from ..models import OVER_STATES, ServiceInstance
from .rights import SERVICE

_OURS = re.compile(r"t:(\d{1,18}):([0-9a-f]{32})")
_LAST_S = 10**11 - 1
_OTHERS = re.compile(r"p:(\d{1,18}):(\d{1,18}):(\d{1,11}):(\d{1,11}):([01])")


@dataclass(frozen=True)
class _Right:
    """What a token lets its user do now."""

    instance_pk: int
    user_pk: int
    is_operator: bool


def grant_of(token: str, principal: Principal, instance: ServiceInstance) -> str:
    """The name of the right that this verified token gives."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    if principal.jti and provider_by_issuer(claims.get("iss")) is None:
        return f"t:{instance.pk}:{principal.jti}"
    issued_at, expires_at = (min(int(claims.get(it) or 0), _LAST_S) for it in ("iat", "exp"))
    may_all = int(OPERATE_HUB in principal.scopes)
    return f"p:{instance.pk}:{principal.user.pk}:{issued_at}:{expires_at}:{may_all}"


def good_tokens(grants: Collection[str]) -> tuple[set[str], set[str]]:
    """Those of the grants that are rights now, and the ids of the instances they are for.

    A few queries, however many grants.
    """
    rights = {**_of_ours(grants), **_of_others(grants)}
    if not rights:
        return set(), set()
    pks = {right.instance_pk for right in rights.values()}
    instances = ServiceInstance.objects.select_related("owner").in_bulk(pks)
    users = {right.user_pk for right in rights.values()}
    shared = _shared([instance.instance_id for instance in instances.values()], users)
    good = set()
    for grant, right in rights.items():
        instance = instances.get(right.instance_pk)
        if instance is None or instance.state in OVER_STATES or not instance.owner.is_active:
            continue
        is_theirs = instance.owner_id == right.user_pk
        if is_theirs or right.is_operator or (instance.instance_id, right.user_pk) in shared:
            good.add(grant)
    return good, {row.instance_id for row in instances.values()}


def _shared(names: Collection[str], users: Collection[int]) -> set[tuple[str, int]]:
    """Which of the instances are shared with which of the users, as persons or by roles."""
    valid = Share.objects.valid().filter(kind=SERVICE, subject__in=names).order_by()
    by_role = valid.filter(role__shareable__isnull=False, role__user__in=users)
    persons = valid.filter(user__in=users).values_list("subject", "user_id")
    return set(persons.union(by_role.values_list("subject", "role__user")))


def _of_ours(grants: Collection[str]) -> dict[str, _Right]:
    """The rights by tokens of the hub that are neither revoked nor expired."""
    named = {grant: found for grant in grants if (found := _OURS.fullmatch(grant))}
    if not named:
        return {}
    scopes = dict(_scopes_by_token({found[2] for found in named.values()}))
    rights = {}
    for grant, found in named.items():
        user_pk, held = scopes.get(found[2], (0, frozenset()))
        if MANAGE_CUBEGENS in held:
            rights[grant] = _Right(int(found[1]), user_pk, OPERATE_HUB in held)
    return rights


def _scopes_by_token(jtis: set[str]) -> Iterator[tuple[str, tuple[int, frozenset[str]]]]:
    """User and scopes of each valid token: its own, as far as client and user have them now."""
    rows = AccessToken.objects.filter(valid_tokens(), jti__in=jtis, user__is_active=True).order_by()
    columns = ("jti", "scopes", "client_id", "client__scopes")
    of_user = (f"user__{name}" for name in USER_FIELDS)
    for jti, scopes, client, of_client, *rest in rows.values_list(
        *columns, *of_user, *held_columns()
    ):
        user, held = user_and_held(rest)
        granted = held & frozenset(scopes)
        yield jti, (user.pk, granted if client is None else granted & frozenset(of_client))


def _of_others(grants: Collection[str]) -> dict[str, _Right]:
    """The rights by tokens that have not expired, and are not refused by a later decision."""
    now = timezone.now()
    named = {
        grant: tuple(int(part) for part in found.groups())
        for grant in grants
        if (found := _OTHERS.fullmatch(grant)) and int(found[4]) > now.timestamp()
    }
    if not named:
        return {}
    users = {user for _, user, *_ in named.values()}
    active = set(User.objects.filter(pk__in=users, is_active=True).values_list("pk", flat=True))
    refused = _refused_before(users)
    return {
        grant: _Right(instance, user, bool(may_all))
        for grant, (instance, user, issued_at, _, may_all) in named.items()
        if user in active and (user not in refused or issued_at >= refused[user].timestamp())
    }


def _refused_before(users: set[int]) -> Mapping[int, datetime]:
    """For each user, the time before which tokens of their provider are refused."""
    rows = Identity.objects.filter(user__in=users, not_before__isnull=False)
    return dict(rows.order_by("not_before").values_list("user_id", "not_before"))
