"""Finds misspelt settings: names that look like settings of the hub, but are not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping

PREFIX = "XCUBE_HUB_"

_OF_A_SERVICE = re.compile(
    r"(?P<service>[A-Z0-9_]+?)_"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(?:TCP|UDP|SCTP)"
    r"(?:_(?:PROTO|PORT|ADDR))?)"
)
"""What Kubernetes sets in each pod for the Services of its namespace, xcube-hub-web for one."""


NOT_SETTINGS = frozenset(
    {
        "XCUBE_HUB_DOTENV",  # names the file that settings are read from
        # The runner sets these for a run; here only if a run started the hub.
        "XCUBE_HUB_RUN_TOKEN",
        "XCUBE_HUB_RUN_RETRIES",
        "XCUBE_HUB_RUNNER_ENVIRONMENT",
    }
)
"""Names that may be set, but are never suggested."""


def unknown_names(environment: Mapping[str, str], known: Collection[str]) -> list[str]:
    """A sentence for each `XCUBE_HUB_…` in `environment` that is not one of the `known` names.

    Names in small letters are found too: `xcube_hub_env` is meant as a setting, but is not one.
    """
    return [
        _sentence(name, known)
        for name in sorted(environment)
        if name.upper().startswith(PREFIX)
        and name not in known
        and name not in NOT_SETTINGS
        and not _is_of_a_service(name, environment)
    ]


def _is_of_a_service(name: str, environment: Mapping[str, str]) -> bool:
    match = _OF_A_SERVICE.fullmatch(name)
    return match is not None and f"{match['service']}_SERVICE_HOST" in environment


def _sentence(name: str, known: Iterable[str]) -> str:
    if near := _nearest(name.upper(), known):
        return f"{name} is no setting of the hub. Did you mean {near}?"
    return f"{name} is no setting of the hub. Remove it; docs/configuration.md lists all settings."


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar known name, compared without the prefix that all names share."""
    rests = [one.removeprefix(PREFIX) for one in known if one.startswith(PREFIX)]
    rest = name.removeprefix(PREFIX)
    near = difflib.get_close_matches(rest, rests, n=1, cutoff=0.6)
    near = near or sorted(one for one in rests if rest.startswith(one))[-1:]
    return PREFIX + near[0] if near else None
