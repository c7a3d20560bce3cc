"""System checks of cube generation: xcube can be run, and the stores file can be read."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from jobs.settings import hub

from .stores.catalogue import load_catalogue
from .stores.stores_file import StoresFileError


@register()
def check_xcube(**kwargs: Any) -> list[CheckMessage]:
    if hub.engine != "local" and hub.estimator_url:
        return []  # xcube does not run on this machine
    python = hub.xcube_python
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


@register()
def check_networks(**kwargs: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for network in hub.own_store_networks:
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
