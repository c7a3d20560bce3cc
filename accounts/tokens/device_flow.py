"""The device flow (RFC 8628): a program gets a personal token after approval in a browser.

    asked = ask(client_id="xcube-hub-login", name="laptop", scope="", address="192.0.2.7")
    …  # the person opens /device, types asked.user_code, and approves
    row, text = poll(asked.device_code, client_id="xcube-hub-login")

                 ┌─ decide ─▶ approved ─ poll ─▶ token made, row deleted
    ask ─▶ waiting
                 └─ decide ─▶ denied

Each step is one guarded update or delete. So a second decision changes nothing, and of two polls
that arrive at once one gets the token. Programs are not registered: whatever one says of itself is
shown as its own word.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Least
from django.utils import timezone

from hubsite import audit
from hubsite.compiled_queries import CompiledQuery
from hubsite.coordination import retention
from hubsite.coordination.failures import Limit, count
from hubsite.refusals import Kind, Refused
from hubsite.visible_text import check_visible

from ..models import AccessToken, DeviceRequest, User
from ..roles import hold_user, permissions_of
from ..scopes import CREATE_USERS, OPERATE_HUB, READ_HUB, READ_USERS, SCOPES, SHARE_PUBLICLY
from .personal import LONGEST_DAYS, MOST_TOKENS, make_token, tokens_of

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME_S = 600
"""How long a code may be used; a person needs a minute or two, with a sign-in in between."""
INTERVAL_S = 5
SLOWER_BY_S = 5
"""Added to the interval of a program that polls too early (RFC 8628, section 3.5)."""
SLOWEST_S = 60
LEEWAY = timedelta(seconds=0.5)
"""A poll may come this much early, because clocks and networks jitter."""

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants (RFC 8628, section 6.1): no words, nothing that looks like a digit."""
CODE_LENGTH = 8
"""20^8 codes are 34.5 bits. With the limits of tries below, guessing finds nothing."""
TRIES_PER_USER = 10
TRIES_WINDOW_S = 600
REQUESTS_PER_ADDRESS = 60
REQUESTS_OF_ALL = 3000
"""Both in `LIFETIME_S`: so many rows wait at most, whoever asks."""

NOT_BY_DEFAULT = frozenset({OPERATE_HUB, READ_HUB, READ_USERS, CREATE_USERS, SHARE_PUBLICLY})
"""Scopes that a program only gets if it asked for them by name."""

_OTHER = re.compile(r"[^A-Z]")
_BY_HASH = CompiledQuery(
    lambda code_hash: DeviceRequest.objects.select_related("user").filter(code_hash=code_hash),
    code_hash="<code hash>",
)


class NotYet(Exception):
    """No token for this poll. `error` is OAuth's name of the reason, `str()` the sentence."""

    def __init__(self, error: str, detail: str) -> None:
        self.error = error
        super().__init__(detail)


@dataclass(frozen=True)
class Asked:
    """The answer to a program's request. `device_code` is its secret."""

    device_code: str
    user_code: str
    expires_in_s: int = LIFETIME_S
    interval_s: int = INTERVAL_S


def shown(user_code: str) -> str:
    """The code as people read it: `BCDF-GHJK`."""
    return f"{user_code[:4]}-{user_code[4:]}"


def typed(text: str) -> str:
    """The code that a person typed, in any letter case, with or without hyphen and blanks."""
    return _OTHER.sub("", text[:40].upper())


def ask(*, client_id: str, name: str, scope: str, address: str) -> Asked:
    """Note that a program asks for a token. Raises Refused, TooManyTries."""
    for field, text in (("client_id", client_id), ("name", name)):
        check_visible(text, field=field)
    wanted = sorted(set(scope.split()))
    if unknown := [name for name in wanted if name not in SCOPES]:
        raise Refused(f"unknown scope: {unknown[0][:40]}", field="scope")
    count(
        [
            Limit(f"device requests {address}", REQUESTS_PER_ADDRESS, LIFETIME_S),
            Limit("device requests of all", REQUESTS_OF_ALL, LIFETIME_S),
        ]
    )
    secret = secrets.token_urlsafe(32)
    row = DeviceRequest(
        code_hash=hash_of_code(secret),
        client_id=client_id,
        name=name,
        address=address[:45],
        wanted=wanted,
        expires_at=timezone.now() + timedelta(seconds=LIFETIME_S),
        interval_s=INTERVAL_S,
    )
    return Asked(secret, shown(_save(row)))


def _save(row: DeviceRequest, tries: int = 3) -> str:
    """Save it with a user code that no other row has; returns the code."""
    while True:
        row.user_code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        try:
            with transaction.atomic():
                row.save(force_insert=True)
            return row.user_code
        except IntegrityError:
            tries -= 1
            if not tries:
                raise


def find(user: User, text: str) -> DeviceRequest | None:
    """The undecided request with the code that `user` typed. Raises TooManyTries."""
    tries = count([Limit(f"device code {user.pk}", TRIES_PER_USER, TRIES_WINDOW_S)])
    row = _undecided().filter(user_code=typed(text)).first()
    if row is not None:
        tries.give_back()
    return row


def offered_scopes(row: DeviceRequest, user: User) -> list[str]:
    """What `user` may allow this program: what it asked for, as far as the user may do it."""
    wanted = set(row.wanted) or set(SCOPES) - NOT_BY_DEFAULT
    held = permissions_of(user)
    return [scope for scope in SCOPES if scope in wanted and scope in held]


def approve(row: DeviceRequest, user: User, *, name: str, scopes: list[str], days: int) -> bool:
    """Let the program have a token of `user`'s; False if it was decided already, or is over.

    Raises Refused.
    """
    check_visible(name, field="name")
    if not scopes or set(scopes) - set(offered_scopes(row, user)):
        raise Refused("choose what it may do, of what is offered", field="scopes")
    if not 1 <= days <= LONGEST_DAYS:
        raise Refused(f"a number from 1 to {LONGEST_DAYS} is expected", field="days")
    with transaction.atomic():
        user = hold_user(user, *scopes)
        if tokens_of(user).count() >= MOST_TOKENS:
            raise Refused(f"You have {MOST_TOKENS} tokens; revoke one first.", kind=Kind.FORBIDDEN)
        done = _decide(row, user=user, name=name, scopes=sorted(scopes), days=days)
        if done:
            audit.record(
                "program.allowed",
                actor=user,
                on=_program(row),
                about=user,
                detail=" ".join(scopes),
            )
        return done


def deny(row: DeviceRequest, *, by: User) -> bool:
    """Refuse it; False if it was decided already, or is over."""
    with transaction.atomic():
        done = _decide(row, user=None)
        if done:
            audit.record("program.refused", actor=by, on=_program(row), about=by)
    return done


def poll(device_code: str, *, client_id: str) -> tuple[AccessToken, str]:
    """The token, once. Raises NotYet as long as there is none, or if there will be none."""
    row = _BY_HASH.first(code_hash=hash_of_code(device_code))
    if row is None or row.client_id != client_id:
        raise NotYet("invalid_grant", "The device_code is unknown, or was used already.")
    if row.expires_at <= timezone.now():
        raise NotYet("expired_token", "The code has expired; ask for a new one.")
    if row.decided_at is not None and row.user is None:
        raise NotYet("access_denied", "The request was denied.")
    if not _is_polite(row):
        raise NotYet("slow_down", f"Ask at most every {row.interval_s + SLOWER_BY_S} seconds.")
    if row.decided_at is None:
        raise NotYet("authorization_pending", "The request has not been approved yet.")
    return _redeem(row)


def delete_expired() -> int:
    """Delete requests a minute after their end; until then the program is told that it is over."""
    before = timezone.now() - timedelta(minutes=1)
    return retention.delete(DeviceRequest.objects.filter(expires_at__lt=before))


def _undecided():
    return DeviceRequest.objects.filter(decided_at=None, expires_at__gt=timezone.now())


def _decide(row: DeviceRequest, **values: object) -> bool:
    return bool(_undecided().filter(pk=row.pk).update(decided_at=timezone.now(), **values))


def _program(row: DeviceRequest) -> tuple[str, str, str]:
    """What the audit calls it: by the name that it gives itself."""
    return "program", str(row.pk), row.name or row.client_id


def _is_polite(row: DeviceRequest) -> bool:
    """Record the poll. False if it came too early; then the program must be slower from now on."""
    now = timezone.now()
    this = DeviceRequest.objects.filter(pk=row.pk)
    due = now - timedelta(seconds=row.interval_s) + LEEWAY
    # A time in the future was written by a clock that was wrong.
    is_due = Q(polled_at=None) | Q(polled_at__lte=due) | Q(polled_at__gt=now + LEEWAY)
    if this.filter(is_due).update(polled_at=now):
        return True
    this.update(polled_at=now, interval_s=Least(F("interval_s") + SLOWER_BY_S, SLOWEST_S))
    return False


def _redeem(row: DeviceRequest) -> tuple[AccessToken, str]:
    """Make the token and delete the row together, so that no second poll makes another."""
    try:
        with transaction.atomic():
            user = hold_user(row.user)
            if not DeviceRequest.objects.filter(pk=row.pk).delete()[0]:
                raise NotYet("invalid_grant", "The device_code was used already.")
            scopes = permissions_of(user).intersection(row.scopes)
            if not scopes:
                raise NotYet("access_denied", "The account no longer has any of these permissions.")
            return make_token(user, name=row.name, scopes=scopes, days=row.days)
    except Refused as refused:
        raise NotYet("access_denied", str(refused)) from None


def hash_of_code(device_code: str) -> str:
    return hashlib.sha256(device_code.encode("utf-8", "replace")).hexdigest()
