"""The one table of the hub's settings: name, type, default, meaning, former names.

`settings.py` reads it, `docs/configuration.md` is made from it
(`manage.py show_settings --markdown`), and the system checks tell from it what to set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ

logger = logging.getLogger(__name__)

BASE_DIR = Path(__file__).resolve().parent.parent


class ConfigurationError(ValueError):
    """A setting has a value that cannot be used; the message says what to set."""


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    `default` is a value or a function of the settings read so far (name to value).
    `former` names are those of the service we replace; they still work and are logged.
    """

    name: str
    type: Callable[[str], Any]
    default: Any
    help: str
    section: str
    former: tuple[str, ...] = ()
    default_text: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()

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
    """A URL without a slash at its end."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("expected a URL that begins with http:// or https://")
    return text.rstrip("/")


def level(text: str) -> str:
    return text.upper()


def comma_list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def whole_number(text: str) -> int:
    """An integer; `1e4` is one too, as operators of the old service write it."""
    number = float(text)
    if not number.is_integer():
        raise ValueError("expected a whole number")
    return int(number)


def folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def file(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def read(
    table: tuple[Setting, ...], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Read `table` from `environment`.

    Returns the values and, for each setting that was given by a former name, that name.
    Raises ConfigurationError with all faults at once.
    """
    values: dict[str, Any] = {}
    by_former_name: dict[str, str] = {}
    faults: list[str] = []
    for setting in table:
        given = next(
            (name for name in (setting.name, *setting.former) if environment.get(name)), None
        )
        if given is None:
            default = setting.default
            values[setting.name] = default(values) if callable(default) else default
            continue
        if given != setting.name:
            by_former_name[setting.name] = given
        try:
            value = setting.type(environment[given])
            if setting.choices and value not in setting.choices:
                raise ValueError(f"expected one of {', '.join(setting.choices)}")
            values[setting.name] = value
        except ValueError as error:
            shown = "" if setting.secret else f"={environment[given]!r}"
            reason = str(error) if str(error).startswith("expected") else "not understood"
            faults.append(
                f"{given}{shown}: {reason}; set it to a value of type {setting.type_name}."
            )
            values[setting.name] = None
    if faults:
        raise ConfigurationError("\n".join(faults))
    return values, by_former_name


def environment(dotenv: Path | None = None) -> dict[str, str]:
    """The process environment over the `.env` file beside `manage.py`."""
    if dotenv is None:
        dotenv = Path(os.environ.get("XCUBE_HUB_DOTENV", BASE_DIR / ".env"))
    if dotenv.is_file():
        environ.Env.read_env(dotenv)
    return dict(os.environ)


__all__ = [
    "BASE_DIR",
    "ConfigurationError",
    "Setting",
    "boolean",
    "comma_list",
    "environment",
    "file",
    "folder",
    "level",
    "read",
    "url",
    "whole_number",
]
