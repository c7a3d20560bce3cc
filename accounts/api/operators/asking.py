"""Reads the filters and headers of operators' requests."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from rest_framework.request import Request

from hubsite.refusals import Kind, Refused

from ...models import User

MOST_KEY_CHARACTERS = 150
MOST_FILTER_CHARACTERS = 254


def filter_text(request: Request, name: str) -> str:
    """The text of a filter; "" if it is not given. Raises Refused if it is too long."""
    text = request.query_params.get(name, "")
    if len(text) > MOST_FILTER_CHARACTERS or "\0" in text:
        raise Refused(
            f"at most {MOST_FILTER_CHARACTERS} characters, and none of code 0, are expected",
            field=name,
        )
    return text


def of_owner(request: Request, rows: QuerySet, field: str) -> QuerySet:
    """Those whose `field` is the user that the filter `owner` names by id or whole e-mail."""
    if not (owner := filter_text(request, "owner")):
        return rows
    named = User.objects.filter(Q(username=owner) | Q(email__iexact=owner))
    return rows.filter(**{f"{field}__in": list(named.values_list("pk", flat=True)[:2])})


def chosen_by(request: Request, rows: QuerySet, name: str, condition: Q) -> QuerySet:
    """Those that meet the condition if the filter is `true`, the others if it is `false`."""
    match filter_text(request, name):
        case "":
            return rows
        case "true":
            return rows.filter(condition)
        case "false":
            return rows.exclude(condition)
    raise Refused("true or false is expected", field=name)


def one_of(request: Request, name: str, known: list[str]) -> str:
    """The filter, one of the `known` texts; "" if it is not given. Raises Refused."""
    text = filter_text(request, name)
    if text and text not in known:
        raise Refused(f"one of {', '.join(known)} is expected", field=name)
    return text


def idempotency_key(request: Request) -> str:
    """The header that makes a repeated request count once. Raises Refused without it."""
    key = request.headers.get("Idempotency-Key", "")
    if not (0 < len(key) <= MOST_KEY_CHARACTERS and key.isprintable()):
        raise Refused(
            f"a text of 1 to {MOST_KEY_CHARACTERS} printable characters is expected",
            field="Idempotency-Key",
        )
    return key


def user_of(user_id: str, *, lock: bool = False) -> User:
    """The user of this id. Raises Refused if there is none."""
    rows = User.objects.select_for_update(no_key=True) if lock else User.objects
    if (user := rows.filter(username=user_id).first()) is None:
        raise Refused("There is no user of this id.", kind=Kind.NOT_FOUND)
    return user
