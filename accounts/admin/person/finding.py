"""Which user is meant: by e-mail, name, user id, or the id of what is theirs."""

from __future__ import annotations

import re

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from ...models import AccessToken, Client, Subscription, User

HELP = _("E-mail, name or user id; or the id of a subscription, a client or a token.")

_USER_ID = re.compile(r"a[0-9a-f]{32}")


def found(users: QuerySet[User], term: str) -> QuerySet[User]:
    term = term.strip()
    if not term:
        return users
    if _USER_ID.fullmatch(term):
        return users.filter(username=term)
    texts = Q(email__icontains=term) | Q(first_name__icontains=term) | Q(last_name__icontains=term)
    if "@" in term or " " in term:
        return users.filter(texts)
    return users.filter(
        texts
        | Q(username__startswith=term)
        | Q(pk__in=Subscription.objects.filter(guid=term).values("user"))
        | Q(pk__in=Client.objects.filter(client_id=term).values("owner"))
        | Q(pk__in=AccessToken.objects.filter(jti=term).values("user"))
    )
