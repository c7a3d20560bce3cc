"""What scopes and roles permit, in words, as their pages show it."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .scopes import (
    CREATE_USERS,
    MANAGE_COLLECTIONS,
    MANAGE_CUBEGENS,
    OPERATE_HUB,
    PROCESS_CUBEGENS,
    READ_HUB,
    READ_USERS,
    SCOPES,
    SHARE_PUBLICLY,
)

Words = str | Promise

MEANINGS: dict[str, tuple[Words, ...]] = {
    MANAGE_CUBEGENS: (
        _("may generate cubes, and start services"),
        _("may see, cancel and share what is their own"),
    ),
    PROCESS_CUBEGENS: (_("may run own code in cube generation"),),
    MANAGE_COLLECTIONS: (_("may publish collections of their databases in GeoServer"),),
    READ_USERS: (_("may read users and their subscriptions, by the API"),),
    CREATE_USERS: (_("may create users, subscribe them and end subscriptions, by the API"),),
    SHARE_PUBLICLY: (_("may share by links that need no sign-in"),),
    READ_HUB: (
        _("may see all jobs, cubes and services"),
        _("may see all users, their units and who did what"),
    ),
    OPERATE_HUB: (
        _("may grant and correct units"),
        _("may cancel, repeat and stop what others started"),
        _("may switch users off, delete persons and give roles"),
        _("may revoke tokens and clients, and withdraw shares"),
        _("may suspend and open the hub's services"),
        _("may act for a user"),
    ),
}

ABOUT: dict[str, Words] = {
    "cube-generation": _("For users of cube generation. A subscription gives it."),
    "user-code": _("For users who bring own code; give it to people you trust."),
    "geoserver": _("For users who publish maps. A subscription gives it."),
    "geodb-user": _("Shows a subscription to geoDB; it permits nothing here."),
    "geodb-manage": _("Shows a subscription to geoDB; it permits nothing here."),
    "geodb-free": _("Shows a subscription to geoDB; it permits nothing here."),
    "public-sharing": _("For users whose links may be open to everyone."),
    "marketplace": _("For the marketplace's account: it subscribes users."),
    "support": _(
        "For people who answer users' questions. They read all that operators read, and change "
        "nothing. They need staff status, too, to open these pages."
    ),
    "operator": _(
        "For the daily work, without being superuser. They need staff status, too, to open "
        "these pages."
    ),
}


def meanings(scopes: Iterable[str]) -> list[Words]:
    """What these scopes permit, in words: the most important first."""
    held = set(scopes)
    return [words for scope in reversed(SCOPES) if scope in held for words in MEANINGS[scope]]
