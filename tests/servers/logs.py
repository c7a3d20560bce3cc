"""The logs of the servers that tests start: shown when a test fails while they write."""

from __future__ import annotations

from pathlib import Path

MOST = 4000
"""So many characters of each are shown, from its end."""
_logs: dict[str, Path] = {}


def show_on_failure(log: Path | str) -> None:
    """Whoever waits in vain for a server sees only that it did not answer: this says why."""
    _logs[str(log)] = Path(log)


def tails(*, since: float) -> list[tuple[str, str]]:
    """The end of each log that was written to since then, by the file's name."""
    found = []
    for name, path in _logs.items():
        try:
            if path.stat().st_mtime < since:
                continue
            text = path.read_text(errors="replace")
        except OSError:
            continue  # removed with its server
        found.append((f"log of the server: {name}", text[-MOST:]))
    return found
