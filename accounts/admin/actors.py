"""Who did it, in words: rows that name an actor by user name show their e-mail address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import User


def users_among(actors: Iterable[str]) -> dict[str, User]:
    """The users among those who made the steps, by user name; others are parts of the hub."""
    return {user.username: user for user in User.objects.filter(username__in=set(actors))}


class NamedActor:
    """Adds the column "who" to a page of a model whose `actor` is a user name or a part's name.

    One join, whatever the number of rows. Write it before the admin class it adds to.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        email = User.objects.filter(username=OuterRef("actor")).values("email")[:1]
        return super().get_queryset(request).annotate(actor_email=Subquery(email))  # type: ignore[misc]

    @admin.display(description=_("Who"))
    def who(self, row: Any) -> str:
        return row.actor_email or row.actor
