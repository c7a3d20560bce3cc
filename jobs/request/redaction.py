"""Removes credentials from a request for showing and storing, and restores them for the run.

The credentials are stored separately and encrypted.
"""

from __future__ import annotations

import copy

from ..stores.secret_names import is_secret_name

HIDDEN = "***"
_PARAMS = ("store_params", "open_params", "write_params")


def redact(document: dict) -> tuple[dict, dict[str, object]]:
    """`document` with the secrets in its stores' parameters hidden, and these secrets.

    The secrets are a dictionary from JSON pointers (RFC 6901) to values.
    """
    redacted = copy.deepcopy(document)
    credentials: dict[str, object] = {}
    for pointer, config in _configs(redacted):
        for name in _PARAMS:
            _hide(config.get(name), f"{pointer}/{name}", credentials)
    return redacted, credentials


def unredact(redacted: dict, credentials: dict[str, object]) -> dict:
    """The original document, from the results of `redact`."""
    document = copy.deepcopy(redacted)
    for pointer, value in credentials.items():
        *parents, last = [
            part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]
        ]
        target = document
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target[part]
        target[int(last) if isinstance(target, list) else last] = copy.deepcopy(value)
    return document


def _configs(document: dict):
    """Each input and output config with its JSON pointer."""
    for name in ("input_config", "output_config"):
        if isinstance(document.get(name), dict):
            yield f"/{name}", document[name]
    if isinstance(document.get("input_configs"), list):
        for index, config in enumerate(document["input_configs"]):
            if isinstance(config, dict):
                yield f"/input_configs/{index}", config


def _hide(value: object, pointer: str, credentials: dict[str, object]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if is_secret_name(key) and item is not None and not isinstance(item, bool):
                credentials[place] = item
                value[key] = HIDDEN
            else:
                _hide(item, place, credentials)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _hide(item, f"{pointer}/{index}", credentials)
