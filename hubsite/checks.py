"""System checks: what must be set before the hub starts, each told in a sentence."""

from __future__ import annotations

import codecs
import ipaddress
import locale
import logging
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from .configuration.table import is_loopback
from .engines.kubernetes.pod_options import Volume

logger = logging.getLogger(__name__)

_logged = False


def log_former_names() -> None:
    """Tell once which settings were given by names of the old service."""
    global _logged
    if _logged:
        return
    _logged = True
    for name, given in settings.HUB_FORMER_NAMES.items():
        logger.warning("%s still works; its name is now %s.", given, name)
    for sentence in settings.HUB_WARNINGS:
        logger.warning("%s", sentence)
    for name, why in settings.HUB_WITHOUT_MEANING.items():
        logger.warning("%s is no longer used: %s.", name, why)


@register(Tags.security)
def check_production(**kwargs: Any) -> list[CheckMessage]:
    """Refuse what only a development hub may have."""
    if not settings.PRODUCTION:
        return []
    faults = {
        "E001": (
            settings.SECRET_KEY_IS_EMBEDDED or len(settings.SECRET_KEY) < 50,
            "the secret key is generated or short",
            "Set XCUBE_HUB_SECRET_KEY to a random text of at least 50 characters.",
        ),
        "E002": (
            settings.TOKEN_SECRETS_ARE_EMBEDDED,
            "the keys of tokens are generated",
            "Set XCUBE_HUB_TOKEN_SECRETS to one or more random texts of 32 characters or more, or "
            "XCUBE_HUB_TOKEN_SECRETS_FILE to a file for them.",
        ),
        "E003": (settings.DEBUG, "DEBUG is on", "Unset XCUBE_HUB_DEBUG."),
        "E004": (
            settings.IS_SQLITE,
            "the database is SQLite",
            "Set DATABASE_URL to a PostgreSQL database.",
        ),
        "E005": (
            not settings.HUB["XCUBE_HUB_ALLOWED_HOSTS"]
            or any("*" in host for host in settings.ALLOWED_HOSTS),
            "the hub answers to any host name, or to none",
            "Set XCUBE_HUB_ALLOWED_HOSTS to the names of this hub.",
        ),
    }
    return [
        Error(f"In production {fault}.", hint=hint, id=f"hubsite.{code}")
        for code, (is_faulty, fault, hint) in faults.items()
        if is_faulty
    ]


@register(Tags.security)
def check_token_secrets(**kwargs: Any) -> list[CheckMessage]:
    given = settings.HUB["XCUBE_HUB_TOKEN_SECRETS_FILE"]
    if given and settings.TOKEN_SECRETS:
        return [
            Error(
                "XCUBE_HUB_TOKEN_SECRETS and XCUBE_HUB_TOKEN_SECRETS_FILE are both set.",
                hint="Set one of them.",
                id="hubsite.E014",
            )
        ]
    secrets = settings.TOKEN_SECRETS
    if given and given.is_file():
        secrets = [line.split()[0] for line in given.read_text().splitlines() if line.strip()]
    short = [secret for secret in secrets if len(secret) < 32]
    if not short:
        return []
    name = "XCUBE_HUB_TOKEN_SECRETS_FILE" if given else "XCUBE_HUB_TOKEN_SECRETS"
    return [
        Error(
            f"{len(short)} of the keys in {name} is shorter than 32 characters.",
            hint="Use random texts of at least 32 characters; longer is better.",
            id="hubsite.E006",
        )
    ]


@register()
def check_kubernetes(**kwargs: Any) -> list[CheckMessage]:
    """What the Kubernetes engine needs besides a cluster, which `check_cluster` looks at."""
    hub = settings.HUB
    if hub["XCUBE_HUB_ENGINE"] != "kubernetes":
        return []
    faults: list[CheckMessage] = []
    host = urlsplit(hub["XCUBE_HUB_CALLBACK_URL"]).hostname or ""
    if is_loopback(host):
        faults.append(
            Error(
                f"XCUBE_HUB_CALLBACK_URL leads to {host}, which a pod does not reach.",
                hint="Set it to a URL, with /api/v2, at which pods of the cluster reach the hub.",
                id="hubsite.E007",
            )
        )
    return [*faults, *_volume_faults(hub["XCUBE_HUB_POD_VOLUMES"])]


@register()
def check_estimator(**kwargs: Any) -> list[CheckMessage]:
    """Whatever runs the jobs: estimators elsewhere answer nobody without their secret."""
    hub = settings.HUB
    if not hub["XCUBE_HUB_ESTIMATOR_URL"] or len(hub["XCUBE_HUB_ESTIMATOR_SECRET"] or "") >= 32:
        return []
    return [
        Error(
            "XCUBE_HUB_ESTIMATOR_SECRET is not set, or shorter than 32 characters.",
            hint="Set it to the random text that the estimators have in their Secret.",
            id="hubsite.E010",
        )
    ]


def _volume_faults(texts: list[str]) -> Iterator[CheckMessage]:
    shared: set[str] = set()
    per_user: set[str] = set()
    for text in texts:
        try:
            volume = Volume.parse(text)
        except ValueError as error:
            yield Error(
                f"XCUBE_HUB_POD_VOLUMES: {error}.",
                hint="Name volumes like data:/data or cubes:/cubes:per-user.",
                id="hubsite.E011",
            )
        else:
            (per_user if volume.per_user else shared).add(volume.claim)
    for claim in sorted(shared & per_user):
        yield Error(
            f"XCUBE_HUB_POD_VOLUMES names {claim} both as shared and as per-user: every run could "
            "read what all users have written.",
            hint="Put what is shared into a claim of its own.",
            id="hubsite.E012",
        )


@register()
def check_geodb(**kwargs: Any) -> list[CheckMessage]:
    hub = settings.HUB
    credentials = bool(hub["XCUBE_HUB_GEODB_CLIENT_ID"] and hub["XCUBE_HUB_GEODB_CLIENT_SECRET"])
    if hub["XCUBE_HUB_GEODB_TOKEN_URL"] and not credentials:
        return [
            Error(
                "XCUBE_HUB_GEODB_TOKEN_URL is set, and nothing to get a token with.",
                hint="Set XCUBE_HUB_GEODB_CLIENT_ID and XCUBE_HUB_GEODB_CLIENT_SECRET too.",
                id="hubsite.E015",
            )
        ]
    if credentials and not hub["XCUBE_HUB_GEODB_TOKEN_URL"]:
        return [
            Warning(
                "XCUBE_HUB_GEODB_CLIENT_ID is not used: the hub signs its tokens for geoDB itself.",
                hint="Remove it, or set XCUBE_HUB_GEODB_TOKEN_URL to where it gets a token.",
                id="hubsite.W015",
            )
        ]
    return []


@register()
def check_networks(**kwargs: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for network in settings.HUB["XCUBE_HUB_OWN_STORE_NETWORKS"]:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            errors.append(
                Error(
                    f"XCUBE_HUB_OWN_STORE_NETWORKS holds {network!r}: {error}.",
                    hint="Name networks like 10.1.0.0/16 or fd00::/8, separated by commas.",
                    id="hubsite.E009",
                )
            )
    return errors


@register(deploy=True)
def check_public_url(**kwargs: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION or settings.HUB["XCUBE_HUB_PUBLIC_URL"].startswith("https:"):
        return []
    return [
        Warning(
            "XCUBE_HUB_PUBLIC_URL does not begin with https: tokens would travel in the clear.",
            hint="Put the hub behind TLS and set XCUBE_HUB_PUBLIC_URL=https://….",
            id="hubsite.W001",
        )
    ]


@register(deploy=True)
def check_environment(**kwargs: Any) -> list[CheckMessage]:
    """Without it, none of the other checks of production look at anything."""
    if settings.PRODUCTION:
        return []
    return [
        Warning(
            "This is a development hub: it answers to any host name, and may run on SQLite and "
            "on secrets that it made itself.",
            hint="Set XCUBE_HUB_ENV=production, then check again.",
            id="hubsite.W002",
        )
    ]


@register()
def check_locale(**kwargs: Any) -> list[CheckMessage]:
    """Files, names of files and output of programs are UTF-8 everywhere in the hub."""
    encodings = {locale.getpreferredencoding(False), sys.getfilesystemencoding()}
    wrong = sorted(name for name in encodings if codecs.lookup(name).name != "utf-8")
    if not wrong:
        return []
    return [
        Warning(
            f"The locale's encoding is {wrong[0]}, not UTF-8: files and names that are not ASCII "
            "cannot be read.",
            hint="Set LC_ALL=C.UTF-8, or PYTHONUTF8=1.",
            id="hubsite.W003",
        )
    ]
