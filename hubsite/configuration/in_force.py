"""Each setting with its present value, as it would be written in `.env`, and where it is from."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.conf import settings

from .reading import Setting
from .table import SETTINGS

STARS = "********"


@dataclass(frozen=True)
class InForce:
    """A setting as it is now. The value of a secret is never shown."""

    name: str
    value: str
    origin: str
    section: str
    meaning: str
    is_given: bool
    is_secret: bool


def settings_in_force() -> list[InForce]:
    """All settings, section by section."""
    return [
        InForce(
            name=setting.name,
            value=_shown(setting),
            origin=_origin(setting.name),
            section=setting.section,
            meaning=setting.help,
            is_given=setting.name in settings.HUB_GIVEN,
            is_secret=setting.secret,
        )
        for setting in SETTINGS
    ]


def _shown(setting: Setting) -> str:
    value = settings.HUB[setting.name]
    if setting.secret:
        return STARS if value else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        is_json = any(isinstance(item, dict) for item in value)
        return json.dumps(value) if is_json else ",".join(value)
    return str(value)


def _origin(name: str) -> str:
    if name in settings.HUB_FORMER_NAMES:
        return f"{settings.HUB_FORMER_NAMES[name]} (former name)"
    return "environment" if name in settings.HUB_GIVEN else "default"
