"""The one table of the hub's settings: name, type, default, meaning, former names.

`settings.py` reads it, `docs/configuration.md` is made from it
(`manage.py show_settings --markdown`), and the system checks use it to say what to set.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import environ

from .dotenv import read_dotenv
from .faults import ConfigurationError
from .unknown import unknown_names

logger = logging.getLogger(__name__)

BASE_DIR = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    `default` is a value, or a function of the settings read so far. The function gets the
    `room` that declares the row; without a room, a dictionary from names to values.
    `minimum` and `maximum` bound a number; both are allowed values.
    `former` are names of the old service; they still work, and their use is logged.
    `former_type` reads values of former names if these were written differently.
    `former_path` names variables that together were one path. `former_join` makes one text of
    the former variables that `former_text` names.
    """

    name: str
    type: Callable[[str], Any]
    default: Any
    help: str
    section: str
    former: tuple[str, ...] = ()
    former_type: Callable[[str], Any] | None = None
    former_path: tuple[str, ...] = ()
    former_join: Callable[[Mapping[str, str]], str | None] | None = None
    former_text: str = ""
    default_text: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    room: Callable[..., Any] | None = None

    @property
    def range_text(self) -> str:
        """The allowed numbers in words; empty if every number is allowed."""
        if self.maximum is None:
            return "" if self.minimum is None else f"{self.minimum} or more"
        return f"{self.minimum or 0} to {self.maximum}"

    def default_value(self, values: Values) -> Any:
        """The default, given the settings read so far."""
        if not callable(self.default):
            return self.default
        return self.default(self.room(values, values.given) if self.room else values)

    @property
    def former_path_text(self) -> str:
        return " with ".join(self.former_path)

    def value(self, text: str, *, is_former: bool = False) -> Any:
        """The value that `text` means for this setting. Raises ValueError."""
        kind = self.former_type if is_former and self.former_type else self.type
        value = kind(text)
        if self.choices and value not in self.choices:
            raise ValueError(f"expected one of {', '.join(self.choices)}")
        too_small = self.minimum is not None and value < self.minimum
        if too_small or (self.maximum is not None and value > self.maximum):
            raise ValueError(f"expected {self.range_text}")
        return value

    @property
    def type_name(self) -> str:
        return {bool: "yes/no", int: "integer", float: "number", str: "text"}.get(
            self.type, self.type.__name__.replace("_", " ")
        )


def boolean(text: str) -> bool:
    if text.strip().lower() in {"1", "true", "yes", "on", "y"}:
        return True
    if text.strip().lower() in {"0", "false", "no", "off", "n", ""}:
        return False
    raise ValueError("expected yes or no")


def url(text: str) -> str:
    """A URL without a slash at its end. What it names must be a host, and no password."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("expected a URL that begins with http:// or https://")
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or re.search(r"[\s\x00-\x1f\\]", text):
        raise ValueError("expected a URL with a host, such as https://example.org:8443")
    if parts.username is not None:
        raise ValueError("expected a URL without user and password, for which there are settings")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """A URL that links begin with; it may have a path."""
    value = url(text)
    parts = urlsplit(value)
    if parts.query or parts.fragment or parts.username is not None or not parts.hostname:
        raise ValueError("expected a URL without user, ? and #, such as https://example.org/hub")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", parts.path):
        raise ValueError("expected a path of letters, digits and . _ ~ - in the URL")
    return value


def database_url(text: str) -> str:
    """The URL of a PostgreSQL database, or of an SQLite file."""
    found: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError):  # its port is no number
        if text.partition("://")[0].lower() in ("postgres", "postgresql", "sqlite"):
            found = environ.Env.db_url_config(text)
    name = found.get("NAME")
    if (not name and "service" not in found.get("OPTIONS", {})) or name == ":memory:":
        raise ValueError(
            "expected postgres://user:password@host:port/name, with each of /?[]@: of the "
            "password percent-encoded, or sqlite:////folder/hub.sqlite3"
        )
    return text


def contact(text: str) -> str:
    """An e-mail address, or the URL of a page."""
    value = text.strip()
    is_email = re.fullmatch(r"[^@\s<>\"']{1,64}@[A-Za-z0-9.-]{1,190}", value)
    if not is_email and not (value.startswith("https://") and urlsplit(value).hostname):
        raise ValueError("expected an e-mail address, or a URL that begins with https://")
    return value


def level(text: str) -> str:
    return text.upper()


def label(text: str) -> str:
    """The value of a Kubernetes label."""
    if not re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", text):
        raise ValueError("expected at most 63 letters, digits, -, _ and .")
    return text


def quantity(text: str) -> str:
    """A number of cores as Kubernetes writes it: 2, 0.5, 500m."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?|[0-9]+m", text):
        raise ValueError("expected a number of cores such as 2, 0.5 or 500m")
    return text


def comma_list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def networks(text: str) -> list[str]:
    """A comma-separated list of networks (CIDR)."""
    found = comma_list(text)
    for network in found:
        try:
            ip_network(network)
        except ValueError:
            raise ValueError(f"expected networks such as 10.1.0.0/16, not {network}") from None
    return found


def one_item(text: str) -> list[str]:
    """A comma-separated list, as the text that was given."""
    return [text]


def whole_number(text: str) -> int:
    """An integer; `1e4` is allowed, because settings of the old service are written so."""
    number = float(text)
    if not number.is_integer():
        raise ValueError("expected a whole number")
    return int(number)


def json_objects(text: str) -> list[dict[str, Any]]:
    """A JSON array of objects."""
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("expected a JSON array of objects")
    return value


def key_values(text: str) -> dict[str, str]:
    """`key=value`, separated by commas."""
    pairs = [item.partition("=") for item in comma_list(text)]
    if any(not key or not equals for key, equals, _ in pairs):
        raise ValueError("expected key=value, separated by commas")
    return {key.strip(): value.strip() for key, _, value in pairs}


def folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def file(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


class Values(dict[str, Any]):
    """The settings read so far, from name to value; `given` are those that an operator set."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, str] = {}


class Reading(NamedTuple):
    """The result of reading: values, the name by which each was given, and remarks to report."""

    values: dict[str, Any]
    given: dict[str, str]
    warnings: list[str]


def read(
    table: tuple[Setting, ...],
    environment: Mapping[str, str],
    *,
    known: Collection[str] | None = None,
) -> Reading:
    """Read `table` from `environment`. Raises ConfigurationError with all faults at once.

    `known` are all names that the hub knows; if given, another `XCUBE_HUB_…` is a fault.
    """
    values = Values()
    given_by = values.given
    warnings: list[str] = []
    faults = [] if known is None else unknown_names(environment, known)
    for setting in table:
        given, text = _find(setting, environment)
        if given is None:
            values[setting.name] = setting.default_value(values)
            if half := _half_a_path(setting, environment):
                warnings.append(half)
            continue
        given_by[setting.name] = given
        try:
            values[setting.name] = setting.value(text, is_former=given != setting.name)
        except ValueError as error:
            shown = "" if setting.secret else f"={text!r}"
            reason = str(error) if str(error).startswith("expected") else "not understood"
            faults.append(
                f"{given}{shown}: {reason}; set it to a value of type {setting.type_name}."
            )
            values[setting.name] = setting.default_value(values)  # later defaults may use it
    if faults:
        raise ConfigurationError("\n".join(faults))
    return Reading(values, given_by, warnings)


def _find(setting: Setting, environment: Mapping[str, str]) -> tuple[str | None, str]:
    """The name by which `setting` is given, and its text.

    An empty text counts as unset. A list may be empty, because that can close what its default
    opens.
    """
    for name in (setting.name, *setting.former):
        if text := environment.get(name):
            return name, text
    parts = [environment.get(name) for name in setting.former_path]
    if parts and all(parts):
        return setting.former_path_text, str(Path(*parts))
    if setting.former_join and (text := setting.former_join(environment)):
        return setting.former_text, text
    if setting.type is comma_list and setting.name in environment:
        return setting.name, ""
    return None, ""


def _half_a_path(setting: Setting, environment: Mapping[str, str]) -> str | None:
    """A sentence, if some but not all of the former variables are set."""
    is_set = [name for name in setting.former_path if environment.get(name)]
    if not is_set:
        return None
    lacking = [name for name in setting.former_path if name not in is_set]
    return (
        f"{', '.join(is_set)} is ignored, for {', '.join(lacking)} is not set: "
        f"set {setting.name} instead."
    )


def environment(dotenv: Path | None = None) -> dict[str, str]:
    """The process environment over the `.env` file beside `manage.py`.

    XCUBE_HUB_DOTENV names another file, which must exist then. Raises ConfigurationError.
    """
    if dotenv is None and (named := os.environ.get("XCUBE_HUB_DOTENV")):
        dotenv = Path(named)
    elif dotenv is None:
        dotenv = BASE_DIR / ".env"
        if not os.path.lexists(dotenv):
            return dict(os.environ)
    for name, value in read_dotenv(dotenv).items():
        os.environ.setdefault(name, value)  # for the libraries and the parts that read it too
    return dict(os.environ)


__all__ = [
    "BASE_DIR",
    "ConfigurationError",
    "Reading",
    "Setting",
    "Values",
    "boolean",
    "comma_list",
    "environment",
    "file",
    "folder",
    "json_objects",
    "key_values",
    "label",
    "level",
    "one_item",
    "public_url",
    "quantity",
    "read",
    "url",
    "whole_number",
]
