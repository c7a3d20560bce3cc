"""Decides for the edge whether somebody may use an instance now, and where it is.

The most frequent question, a session's, is one indexed row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts.api.authentication import principal_of
from accounts.scopes import MANAGE_CUBEGENS, OPERATE_HUB
from accounts.sharing.openings import note_opening
from accounts.sharing.secrets import hash_of
from accounts.tokens.hub_tokens import InvalidToken
from hubsite.compiled_queries import CompiledQuery
from hubsite.coordination.failures import TooManyTries
from hubsite.refusals import Kind, Refused
from hubsite.translations.sentences import in_all_languages
from hubsite.web.addresses import absolute_url

from .. import lifecycle
from ..models import OVER_STATES, ServiceInstance, State
from ..models import Kind as ServiceKind
from .entering import exchange_link, exchange_ticket
from .rights import SessionRow, is_good, right_of, session_rows
from .token_grants import grant_of

CACHE_S = 60
CACHE_WHILE_STARTING_S = 1
ACTOR = "edge"

_SESSION = CompiledQuery(
    lambda secret_hash, instance_id: session_rows().filter(
        token_hash=secret_hash, instance__instance_id=instance_id
    ),
    secret_hash="<hash>",  # noqa: S106 - an example value
    instance_id="<instance>",
)


@dataclass(frozen=True)
class Question:
    """What the edge asks: one credential at most, for one instance.

    `wake`: wake the instance if it is asleep, because a request for it has come.
    """

    instance: str
    session: str | None = None
    ticket: str | None = None
    link: str | None = None
    bearer: str | None = None
    wake: bool = False


Place = SessionRow | ServiceInstance
"""What says where an instance is, and in which state."""


_NOT_YET = (State.REQUESTED, State.STARTING)
_PUBLISHED = (ServiceKind.XCUBE_SERVER, "local")
"""Kind and engine of instances whose viewer the runner publishes: it forks them all from one
process. Images of a cluster bring viewers of their own, of any version."""


class Denied(Exception):
    """The right is missing, or the instance cannot be used. `why` is for the edge."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


def decide(question: Question) -> dict[str, Any]:
    """The answer to the edge: an address, or why not and where the browser may go instead."""
    try:
        answer = _allowed(question)
    except Denied as denied:
        answer = {
            "allow": False,
            "why": denied.why,
            "message": str(denied),
            "location": absolute_url(reverse("service-open", args=[question.instance])),
        }
    if answer["message"]:
        answer["messages"] = in_all_languages(answer["message"])
    return answer


def _allowed(question: Question) -> dict[str, Any]:
    more: dict[str, Any] = {}
    lasts_s = CACHE_S
    place: Place
    if question.ticket or question.link:
        session, secret = _exchanged(question)
        place, grant, lasts_s = session, f"s:{session.pk}", _lasts_s(session)
        more = {"session": secret, "session_s": lasts_s}
    elif question.bearer:
        place, grant = _by_bearer(question)
    elif question.session:
        session = _by_session(question)
        place, grant, lasts_s = session, f"s:{session.pk}", _lasts_s(session)
    else:
        raise Denied("sign_in", "Sign in to open this service.")
    place = _usable(place, wake=question.wake)
    is_ready = place.state == State.READY
    return {
        "allow": True,
        "grant": grant,
        "instance": place.instance_id,
        "state": place.state,
        "address": place.address,
        "path": place.path,
        "revision": place.revision,
        "cache_s": max(0, min(CACHE_S, lasts_s)) if is_ready else CACHE_WHILE_STARTING_S,
        "message": place.message if place.state in _NOT_YET else "",
        "has_published_viewer": (place.kind, place.engine) == _PUBLISHED,
        **more,
    }


def _lasts_s(session: SessionRow) -> int:
    return round((session.expires_at - timezone.now()).total_seconds())


def _by_session(question: Question) -> SessionRow:
    row = _SESSION.first(secret_hash=hash_of(question.session or ""), instance_id=question.instance)
    if row is None or not is_good(session := SessionRow(*row)):
        raise Denied("sign_in", "Your session at this service is over. Sign in to open it again.")
    return session


def _exchanged(question: Question) -> tuple[SessionRow, str]:
    try:
        if question.ticket:
            made = exchange_ticket(question.instance, question.ticket)
        else:
            made = exchange_link(question.instance, question.link or "")
    except TooManyTries:
        raise Denied("busy", "This link is opened too often. Try again in an hour.") from None
    if made is None:
        what = "ticket" if question.ticket else "link"
        raise Denied("bad_ticket", f"This {what} is not valid: it is unknown, used or too old.")
    session = SessionRow(*session_rows().get(pk=made[0].pk))
    if not is_good(session):
        raise Denied("forbidden", "You may not use this service.")
    return session, made[1]


def _by_bearer(question: Question) -> tuple[ServiceInstance, str]:
    """The instance for a token of the hub or of a provider, as in the API."""
    token = question.bearer or ""
    try:
        principal = principal_of(token)
    except InvalidToken as error:
        raise Denied("sign_in", f"{error}.") from None
    rows = ServiceInstance.objects.select_related("owner")
    instance = rows.filter(instance_id=question.instance).first()
    scopes = principal.scopes
    right = None
    if instance is not None and MANAGE_CUBEGENS in scopes:
        right = right_of(principal.user, instance, is_operator=OPERATE_HUB in scopes)
    if instance is None or right is None:
        raise Denied("unknown", "There is no such service, or it is not yours.")
    if right.share is not None:
        note_opening(right.share, principal.user)
    return instance, grant_of(token, principal, instance)


def _usable(place: Place, *, wake: bool) -> Place:
    """The place, woken if it is asleep. Raises Denied if it cannot be used any more."""
    if place.state == State.FAILED:
        raise Denied("failed", f"The service failed. {place.message}")
    if place.state in OVER_STATES:
        raise Denied("stopped", f"The service was stopped. {place.message}".strip())
    if place.state != State.ASLEEP or not wake:
        return place
    rows = ServiceInstance.objects.select_related("owner")
    instance = rows.get(instance_id=place.instance_id)
    try:
        lifecycle.wake(instance, actor=ACTOR, by="a request")
    except Refused as refused:
        why = "no_units" if refused.kind == Kind.TOO_EXPENSIVE else "busy"
        raise Denied(why, str(refused)) from None
    if instance.state == State.ASLEEP:
        instance.refresh_from_db()  # another request woke it
    return _usable(instance, wake=False)
