"""The one table of all settings, put together from the rooms that declare them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .reading import Reading, Setting
from .rooms import Room

ROOMS = (
    "hubsite.configuration.site",
    "accounts.tokens.settings",
    "accounts.sign_on.settings",
    "accounts.units.settings",
    "accounts.sharing.settings",
    "accounts.notices.settings",
    "accounts.subscriptions.settings",
    "hubsite.engines.local.settings",
    "hubsite.engines.kubernetes.settings",
    "hubsite.engines.settings",
    "jobs.settings",
    "services.settings",
    "services.cate.settings",
    "services.geoserver.settings",
)
"""The modules that declare settings. They are text, because the site imports no app. A module
comes after those whose settings its defaults use."""


def _rooms() -> Iterator[type[Room]]:
    for name in ROOMS:
        module = import_module(name)
        for room in vars(module).values():
            if isinstance(room, type) and issubclass(room, Room) and room.__module__ == name:
                yield room


SETTINGS: tuple[Setting, ...] = tuple(row for room in _rooms() for row in room.rows)


def every_setting(reading: Reading) -> Any:
    """All settings as attributes, for Django's settings, which are made from all rooms."""
    rooms = list(_rooms())
    leaves = [room for room in rooms if not any(room in other.__mro__[1:] for other in rooms)]
    return type("EverySetting", tuple(leaves), {})(reading.values, reading.given)


def callback_hosts(callback_url: str) -> list[str]:
    """The host that runs call, if it is a name of this machine; else operators must list it."""
    host = urlsplit(callback_url).hostname or ""
    if not is_loopback(host) or host == "localhost":
        return []
    return [f"[{host}]" if ":" in host else host]


def is_loopback(host: str) -> bool:
    """Whether the name or address can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_IN_THE_DATABASE = "progress lies in the database"
_OWN_USERS = "users, roles and scopes lie in the database"
_NEVER_READ = "it was documented, but never read"
_IN_THE_PROFILE = "the profile of Cate web APIs says it (admin, Profiles)"
_NO_WAITING = "the hub answers at once, and waits for no start"

WITHOUT_MEANING: dict[str, str] = {
    "XCUBE_HUB_CFG_DATAPOOLS_SCHEMA": "the hub checks the stores file itself (check_stores)",
    "XCUBE_CFG_ROOT_DIR": "requests lie in the database",
    "XCUBE_HUB_CODE_ROOT_DIR": "uploaded code lies in the database",
    "XCUBE_HUB_RESULT_ROOT_DIR": "results lie in the database",
    "XCUBE_HUB_CACHE_PROVIDER": _IN_THE_DATABASE,
    "XCUBE_HUB_REDIS_HOST": _IN_THE_DATABASE,
    "XCUBE_HUB_REDIS_PORT": _IN_THE_DATABASE,
    "XCUBE_HUB_REDIS_DB": _IN_THE_DATABASE,
    "XCUBE_GEN_LEVELDB_NAME": _IN_THE_DATABASE,
    "XCUBE_GEN_LEVELDB_CREATE_IF_MISSING": _IN_THE_DATABASE,
    "XCUBE_GEN_API_USE_KV_MOCK": _IN_THE_DATABASE,
    "XCUBE_HUB_OAUTH_USER_MANAGEMENT_AUD": _OWN_USERS,
    "XCUBE_HUB_OAUTH_USER_MANAGEMENT_CLIENT_ID": _OWN_USERS,
    "XCUBE_HUB_OAUTH_USER_MANAGEMENT_CLIENT_SECRET": _OWN_USERS,
    "AUTH0_USER_MANAGEMENT_CLIENT_ID": _OWN_USERS,
    "AUTH0_USER_MANAGEMENT_CLIENT_SECRET": _OWN_USERS,
    "XCUBE_GEN_CLIENT_ID": _OWN_USERS,
    "XCUBE_GEN_CLIENT_SECRET": _OWN_USERS,
    "XCUBE_GEN_ROLE_ID": _OWN_USERS,
    "GENERATOR_ROLE_ID": _OWN_USERS,
    "XCUBE_GEN_PROCESSING_ROLE_ID": _OWN_USERS,
    "GENERATOR_PROCESSING_ROLE_ID": _OWN_USERS,
    "XCUBE_GEOSERV_ID": _OWN_USERS,
    "GEOSERVER_ROLE_ID": _OWN_USERS,
    "GEODB_AUTH_ROLE_ID_USER": _OWN_USERS,
    "GEODB_AUTH_ROLE_ID_MANAGE": _OWN_USERS,
    "GEODB_AUTH_ROLE_ID_FREE": _OWN_USERS,
    "CATE_MEM_LIMIT": _IN_THE_PROFILE,
    "CATE_MEM_REQUEST": _IN_THE_PROFILE,
    "CATE_LAUNCH_GRACE": _NO_WAITING,
    "CATE_LAUNCH_GRACE_PERIOD": _NO_WAITING,
    "CATE_STORAGE_MODE": "XCUBE_HUB_SERVICE_WORKSPACE says where files of users are kept",
    "CATE_WEBAPI_URI": "services are reached through the edge: XCUBE_HUB_EDGE_URL",
    "XCUBE_HUB_DOCKER_PULL_POLICY": _NEVER_READ,
    "XCUBE_API_UWSGI_INI_PATH": "gunicorn serves the hub",
}


def known_names() -> frozenset[str]:
    """Every name beginning with XCUBE_HUB_ that is, or was, the name of a setting."""
    joined = {
        name for row in SETTINGS for name in re.findall(r"XCUBE_HUB_[A-Z0-9_]+", row.former_text)
    }
    rows = {name for row in SETTINGS for name in (row.name, *row.former, *row.former_path)}
    return rows | joined | WITHOUT_MEANING.keys()
