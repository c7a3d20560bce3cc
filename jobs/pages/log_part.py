"""The log on a job's page: a bounded part of it, searched, filtered by level, with line numbers.

The URL says which part: `line` (begin there), `q` (lines with this text), `level` (`warning`: and
worse; `error`). Without `line` it is the end, which follows the run. Lines count from 1, and
`#L120` is the address of line 120.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _

from ..models import Job
from ..running import logs

SHOWN = 500
BEFORE_A_LINE = 20
"""Lines shown before the one that a link leads to."""
MOST_TEXT_CHARACTERS = 200
LONGEST_SHOWN = 1000
MOST_DIGITS = 9

LEVELS: dict[str, Any] = {
    "": _("All lines"),
    "warning": _("Warnings and errors"),
    "error": _("Errors"),
}
_RANK = {"": 0, "warning": 1, "error": 2}

_NAMED = re.compile(r"\b(CRITICAL|FATAL|ERROR|WARNING|WARN|INFO|DEBUG)\b")
_EXCEPTION = re.compile(r"^[\w.]{1,100}(?:Error|Exception|Timeout)\b(?::|$)")
_WARNING = re.compile(r"\b\w*Warning:")
_LEVEL_OF = {
    "CRITICAL": "error", "FATAL": "error", "ERROR": "error", "WARNING": "warning",
    "WARN": "warning", "INFO": "", "DEBUG": "",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """`number` counts from 1. `is_after_gap`: lines before it were not kept."""

    number: int
    text: str
    level: str
    is_after_gap: bool = False


@dataclass(frozen=True)
class LogPart:
    """What the page shows of the log."""

    lines: list[Line] = field(default_factory=list)
    search: str = ""
    level: str = ""
    line: int | None = None
    last: int = 0
    """The number of the last line that is stored; 0 if there is none."""
    earlier: str = ""
    later: str = ""
    is_cut: bool = False
    """Whether there are more lines that fit than are shown."""

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.level)

    @property
    def follows(self) -> bool:
        """Whether it shows the end, to which the run adds lines."""
        return self.line is None and not self.is_filtered


def read(job: Job, asked: Mapping[str, str]) -> LogPart:
    """The part of the job's log that the URL asks for. What cannot be understood is left out."""
    search = "".join(
        c for c in asked.get("q", "")[:MOST_TEXT_CHARACTERS] if c.isprintable()
    ).strip()
    level = asked.get("level", "") if asked.get("level", "") in LEVELS else ""
    number = asked.get("line", "")
    is_number = number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS
    line = max(int(number), 1) if is_number else None
    if line is None and not (search or level):
        stored = logs.end_of(job, SHOWN)
        last = stored[-1][0] + 1 if stored else 0
    else:
        last = logs.count_of(job)
        if search or level:
            return _matching(job, search, level, line, last)
        stored = logs.lines_from(job, max(0, (line or 1) - 1 - BEFORE_A_LINE), SHOWN)
    shown = _with_gaps(list(_leveled(stored)))
    earlier = later = ""
    if shown and shown[0].number > 1:
        before = shown[0].number - 1
        if before > logs.HEAD_LINES:  # lines in the middle may not have been kept
            before = logs.last_before(job, before) + 1
        earlier = urlencode({"line": max(1, before + 1 - SHOWN + BEFORE_A_LINE)})
    if shown and shown[-1].number < last:
        later = urlencode({"line": shown[-1].number + 1 + BEFORE_A_LINE})
    return LogPart(shown, line=line, last=last, earlier=earlier, later=later)


def _matching(job: Job, search: str, level: str, line: int | None, last: int) -> LogPart:
    """The first lines that fit, from `line` on."""
    wanted, found = search.casefold(), []
    stored = logs.lines_from(job, (line or 1) - 1, logs.MOST_LINES + SHOWN)
    for one in _leveled(stored):
        if _RANK[one.level] >= _RANK[level] and wanted in one.text.casefold():
            found.append(one)
            if len(found) > SHOWN:
                break
    later = ""
    if is_cut := len(found) > SHOWN:
        values = {"q": search, "level": level, "line": found[SHOWN].number}
        later = urlencode({name: value for name, value in values.items() if value})
    return LogPart(found[:SHOWN], search, level, line, last, later=later, is_cut=is_cut)


def _leveled(lines: list[tuple[int, str]]) -> Iterator[Line]:
    """Each line with its level; what follows an error, indented, belongs to it."""
    level = ""
    for number, text in lines:
        level = _level_of(text, level)
        yield Line(number + 1, text[:LONGEST_SHOWN], level)


def _level_of(text: str, before: str) -> str:
    start = text[:LONGEST_SHOWN]
    if start.startswith("Traceback (most recent call last)") or _EXCEPTION.match(start):
        return "error"
    if start[:1] in (" ", "\t") or not start:
        return before
    if named := _NAMED.search(start[:200]):
        return _LEVEL_OF[named.group(1)]
    return "warning" if _WARNING.search(start) else ""


def _with_gaps(lines: list[Line]) -> list[Line]:
    """The lines, each marked if those before it were not kept."""
    marked: list[Line] = []
    for line in lines:
        is_gap = bool(marked) and line.number > marked[-1].number + 1
        marked.append(Line(line.number, line.text, line.level, True) if is_gap else line)
    return marked
