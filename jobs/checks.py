"""System checks of cube generation: xcube can be run, and the stores file can be read."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from .stores.catalogue import StoresFileError, load_catalogue


@register()
def check_xcube(**kwargs: Any) -> list[CheckMessage]:
    hub = settings.HUB
    if hub["XCUBE_HUB_ENGINE"] != "local" and hub["XCUBE_HUB_ESTIMATOR_URL"]:
        return []  # nothing of xcube runs here
    python = hub["XCUBE_HUB_XCUBE_PYTHON"]
    if os.access(python, os.X_OK):
        return []
    return [
        Warning(
            f"There is no Python at {python}: jobs cannot run on this machine.",
            hint="`make xcube` installs xcube; or set XCUBE_HUB_XCUBE_PYTHON to the Python of an "
            "environment that has it.",
            id="jobs.W001",
        )
    ]


@register()
def check_stores_file(**kwargs: Any) -> list[CheckMessage]:
    try:
        load_catalogue()
    except StoresFileError as error:
        return [
            Error(
                str(error),
                hint="`manage.py check_stores` lists every fault.",
                id="jobs.E001",
            )
        ]
    return []
