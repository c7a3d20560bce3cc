"""Writes `docs/configuration.md` from the table of settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .reading import Setting

_HEAD = """\
# Configuration

<!-- Made by `manage.py show_settings --markdown`; do not edit. -->

Settings are environment variables, or lines `NAME=value` in the file `.env` beside `manage.py`
(the environment wins). They are read once, at the start. A value that cannot be used, a name
`XCUBE_HUB_…` that is no setting, and a line of `.env` that cannot be read stop the start with a
sentence that says what to do. `manage.py show_settings` shows the present values.

`.env` is UTF-8. Blanks around names and values, `export ` before a name, a byte-order mark, and
comments on lines of their own or behind a blank are left out. Quotes hold a value together:
everything between `'` counts as it is; between `"`, `\\n`, `\\"` and `\\\\` mean what they
usually do. XCUBE_HUB_DOTENV names another file, which must exist then.

Yes/no settings take `1`, `true`, `yes`, `on` and their opposites; numbers may be written `1e4`;
lists are separated by commas. An empty value counts as not set, but for a list: that is then empty.
Secrets are never shown.
"""

_TYPES = {
    "boolean": "yes/no",
    "comma list": "list",
    "whole number": "whole number",
    "folder": "folder",
    "file": "file",
    "text": "text",
}


def markdown(table: Iterable[Setting], without_meaning: Mapping[str, str]) -> str:
    """The whole page as Markdown, one section for each room."""
    settings = list(table)
    parts = [_HEAD]
    for section in dict.fromkeys(setting.section for setting in settings):
        rows = [_row(setting) for setting in settings if setting.section == section]
        heading = "| name | type | default | meaning |\n|---|---|---|---|\n"
        parts.append(f"## {section}\n\n{heading}" + "\n".join(rows) + "\n")
    former = [
        f"| {name} | `{setting.name}` |" for setting in settings for name in _former_names(setting)
    ]
    parts.append(
        "## Names of the service before\n\nThey still work; the hub logs the name that replaces "
        "each.\n\n| former name | name now |\n|---|---|\n" + "\n".join(former) + "\n"
    )
    gone = [f"| `{name}` | {why} |" for name, why in without_meaning.items()]
    parts.append(
        "These have no meaning any more:\n\n| name | why |\n|---|---|\n" + "\n".join(gone) + "\n"
    )
    return "\n".join(parts)


def _former_names(setting: Setting) -> list[str]:
    names = [f"`{name}`" for name in setting.former]
    if setting.former_path:
        names.append(" with ".join(f"`{name}`" for name in setting.former_path))
    if setting.former_text:
        names.append(re.sub(r"[A-Z][A-Z0-9_]{2,}", r"`\g<0>`", setting.former_text))
    return names


def _row(setting: Setting) -> str:
    meaning = setting.help
    if setting.choices:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in setting.choices)}."
    if setting.range_text:
        meaning += f" Range: {setting.range_text}."
    if setting.secret:
        meaning += " **Secret.**"
    cells = (f"`{setting.name}`", type_name(setting), _default(setting), meaning)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def type_name(setting: Setting) -> str:
    """The kind of value that the setting takes, in one or two words."""
    return _TYPES.get(setting.type_name, "text")


def _default(setting: Setting) -> str:
    if setting.default_text:
        return setting.default_text
    if isinstance(setting.default, bool):
        return "yes" if setting.default else "no"
    if setting.default is None or setting.default == "":
        return "none"
    if isinstance(setting.default, list):
        return f"`{','.join(setting.default)}`"
    return f"`{setting.default}`"
