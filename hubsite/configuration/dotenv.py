"""Reads the `.env` file: lines `NAME=value`, in the syntax that common tools use.

Libraries skip lines that they do not understand. But a skipped `XCUBE_HUB_ENV=production` would
start a development hub. So here each line that cannot be read is a fault, with its number.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from .faults import ConfigurationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPORT = re.compile(r"export[ \t]+")
_BLANKS = re.compile(r"[ \t]*")
_LINE = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPE = re.compile(r"""\\([nrt"'`$\\])""")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(path: Path) -> dict[str, str]:
    """Names and values in the file at `path`. Raises ConfigurationError with all faults.

    It understands spaces around names and values, `export `, a byte-order mark, comments (after
    a value and a space, too) and both kinds of quotes. A quoted value may have several lines.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}, line {line}: the byte 0x{data[error.start]:02x} is not UTF-8; "
            "save the file as UTF-8."
        ) from None
    return _Reader(path, text).read()


class _Reader:
    """Parses the text in one pass; `at` is the current position."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._at = 0
        self._values: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        self._faults: list[str] = []

    def read(self) -> dict[str, str]:
        while self._at < len(self._text):
            line = self._text.count("\n", 0, self._at) + 1
            try:
                self._read_assignment(line)
            except ValueError as error:
                self._faults.append(f"{self._path}, line {line}: {error}.")
                self._take(_LINE)
            self._take(re.compile(r"\r?\n|\r"))
        if self._faults:
            raise ConfigurationError("\n".join(self._faults))
        return self._values

    def _read_assignment(self, line: int) -> None:
        self._take(_BLANKS)
        if self._peek() in ("", "\r", "\n", "#"):
            self._take(_LINE)
            return
        self._take(_EXPORT)
        if not (name := self._take(_NAME)):
            raise ValueError("a name of letters, digits and underscores is expected")
        self._take(_BLANKS)
        if self._peek() != "=":
            raise ValueError(f"= is expected behind {name}")
        self._at += 1
        self._take(_BLANKS)
        value = self._read_value()
        if "\0" in value:
            raise ValueError(f"the value of {name} holds a NUL")
        if name in self._values and self._values[name] != value:
            raise ValueError(f"{name} has another value in line {self._lines[name]}")
        self._values[name] = value
        self._lines.setdefault(name, line)

    def _read_value(self) -> str:
        quote = self._peek()
        if quote not in ("'", '"'):
            return _COMMENT.sub("", self._take(_LINE)).rstrip()
        end = self._at + 1
        while end < len(self._text) and self._text[end] != quote:
            end += 2 if quote == '"' and self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise ValueError(f"the quote {quote} is not closed")
        value = self._text[self._at + 1 : end]
        start, self._at = self._at, end + 1
        if _COMMENT.sub("", self._take(_LINE)).strip():
            self._at = start
            raise ValueError(f"something stands behind the closing quote {quote}")
        if quote == "'":
            return value
        return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), value)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]
