"""What was measured, as ratios: a machine's speed and load strike subject and baseline alike."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

from .sizes import IS_SMOKE


@dataclass(frozen=True)
class Pairs:
    """Measurements of subject and baseline, taken in turns."""

    subject: list[float]
    baseline: list[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: a burst of load spoils its round only."""
        return median(s / b for s, b in zip(self.subject, self.baseline, strict=True))


def alternate(subject: Callable[[], float], baseline: Callable[[], float], *, rounds: int) -> Pairs:
    """Measure both in turns; who is first changes with each round."""
    pairs = Pairs([], [])
    for number in range(1 if IS_SMOKE else rounds):
        turns = [(subject, pairs.subject), (baseline, pairs.baseline)]
        for measure, values in turns if number % 2 == 0 else reversed(turns):
            values.append(measure())
    return pairs


@dataclass(frozen=True)
class Line:
    name: str
    subject: str
    baseline: str
    ratio: str
    limit: str
    holds: bool


@dataclass
class Report:
    """Collects the lines of the table, and asserts each limit after its line is in it."""

    lines: list[Line] = field(default_factory=list)

    def ratio(
        self,
        name: str,
        pairs: Pairs,
        *,
        unit: str,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """A ratio and its limit; without a limit it is told only. `unit`: ms, /s, MB."""
        subject, baseline = median(pairs.subject), median(pairs.baseline)
        holds = (at_most is None or pairs.ratio <= at_most) and (
            at_least is None or pairs.ratio >= at_least
        )
        limit = "" if at_most is None else f"≤ {at_most:g}"
        limit = limit if at_least is None else f"≥ {at_least:g}"
        self._add(
            Line(
                name,
                shown(subject, unit),
                shown(baseline, unit),
                f"{pairs.ratio:.3f}" if pairs.ratio < 0.1 else f"{pairs.ratio:.2f}",
                limit,
                holds,
            )
        )

    def count(self, name: str, subject: float, *, of: str = "", limit: str, holds: bool) -> None:
        """A number that is exact whatever the machine does: queries, rows, answers."""
        self._add(Line(name, f"{subject:g}", of, "", limit, holds), is_exact=True)

    def measured(self, name: str, subject: float, *, of: str = "", limit: str, holds: bool) -> None:
        """A number that depends on size and load: memory, places that differ, seconds."""
        self._add(Line(name, f"{subject:g}", of, "", limit, holds))

    def _add(self, line: Line, *, is_exact: bool = False) -> None:
        self.lines.append(line)
        if IS_SMOKE and not is_exact:
            return
        assert line.holds, f"{line.name}: {line.ratio or line.subject}, limit {line.limit}"

    def __str__(self) -> str:
        table = Table(title="Measured (medians; ratio: median of the rounds' ratios)")
        table.add_column("what")
        for title in ("subject", "baseline", "ratio", "limit"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("")
        for line in self.lines:
            mark = ("ok" if line.holds else "MISSED") if line.limit else ""
            table.add_row(line.name, line.subject, line.baseline, line.ratio, line.limit, mark)
        text = io.StringIO()
        Console(file=text, width=110).print(table, markup=False)
        return text.getvalue()


def shown(value: float, unit: str) -> str:
    """`value` with its unit; times are given in seconds and told in ms where they are short."""
    if unit == "s" and value < 1:
        value, unit = value * 1000, "ms"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"
