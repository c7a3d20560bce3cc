"""System checks of the site's settings; each message says what to set."""

from __future__ import annotations

import codecs
import locale
import logging
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from hubsite.engines.settings import hub

from .configuration.table import is_loopback
from .engines.kubernetes.pod_options import Volume

logger = logging.getLogger(__name__)

_logged = False


def log_former_names() -> None:
    """Report once which settings were given by names of the old service."""
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
    """Refuse settings in production that only a development hub may have."""
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
            not hub.allowed_hosts or any("*" in host for host in settings.ALLOWED_HOSTS),
            "the hub answers to any host name, or to none",
            "Set XCUBE_HUB_ALLOWED_HOSTS to the names of this hub.",
        ),
    }
    return [
        Error(f"In production {fault}.", hint=hint, id=f"hubsite.{code}")
        for code, (is_faulty, fault, hint) in faults.items()
        if is_faulty
    ]


@register()
def check_kubernetes(**kwargs: Any) -> list[CheckMessage]:
    """Check the settings of the Kubernetes engine; `check_cluster` checks the cluster itself."""
    if hub.engine != "kubernetes":
        return []
    faults: list[CheckMessage] = []
    host = urlsplit(hub.callback_url).hostname or ""
    if is_loopback(host):
        faults.append(
            Error(
                f"XCUBE_HUB_CALLBACK_URL leads to {host}, which a pod does not reach.",
                hint="Set it to a URL, with /api/v2, at which pods of the cluster reach the hub.",
                id="hubsite.E007",
            )
        )
    return [*faults, *_volume_faults(hub.pod_volumes)]


@register()
def check_estimator(**kwargs: Any) -> list[CheckMessage]:
    """Estimators on other machines need a secret, whichever engine runs the jobs."""
    if not hub.estimator_url or len(hub.estimator_secret or "") >= 32:
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


@register(deploy=True)
def check_public_url(**kwargs: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION or hub.public_url.startswith("https:"):
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
    """Check `XCUBE_HUB_ENV`, because the other checks of production depend on it."""
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
    """Python must use UTF-8 for files, names of files and output of programs."""
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
