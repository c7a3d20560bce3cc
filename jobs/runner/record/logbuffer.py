"""The log buffer of a run: its first and its last lines, numbered from 0.

It is bounded in lines and bytes, however much the run prints and however long a line is. The
reporter's thread can read it while the supervisor fills it.
"""

from __future__ import annotations

import threading
from collections import deque

HEAD_LINES = 2_000
TAIL_LINES = 5_000
PART_BYTES = 512_000
LINE_CHARS = 2_000
_LINE_BYTES = 4 * LINE_CHARS


class LogBuffer:
    def __init__(
        self,
        *,
        head_lines: int = HEAD_LINES,
        tail_lines: int = TAIL_LINES,
        part_bytes: int = PART_BYTES,
    ):
        self._head: list[str] = []
        self._tail: deque[tuple[str, int]] = deque()
        self._head_room = part_bytes
        self._tail_bytes = 0
        self._head_lines = head_lines
        self._tail_lines = tail_lines
        self._part_bytes = part_bytes
        self._head_open = True
        self._count = 0
        self._partial = bytearray()
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """Number of complete lines seen, kept or not."""
        return self._count

    def feed(self, data: bytes) -> None:
        """Add printed bytes; a line ends at a newline."""
        with self._lock:
            pieces = data.split(b"\n")
            for piece in pieces[:-1]:
                self._extend_partial(piece)
                self._end_line()
            self._extend_partial(pieces[-1])

    def finish(self) -> None:
        """Note the end of the output: an unfinished line counts as a line."""
        with self._lock:
            if self._partial:
                self._end_line()

    def _extend_partial(self, piece: bytes) -> None:
        self._partial += piece[: _LINE_BYTES - len(self._partial)]

    def _end_line(self) -> None:
        text = self._partial.decode("utf-8", "replace").rstrip("\r").replace("\0", "\ufffd")
        self._partial.clear()
        text = text[:LINE_CHARS]
        size = len(text.encode()) + 1
        self._count += 1
        if self._head_open and len(self._head) < self._head_lines and size <= self._head_room:
            self._head.append(text)
            self._head_room -= size
            return
        self._head_open = False
        self._tail.append((text, size))
        self._tail_bytes += size
        while len(self._tail) > self._tail_lines or self._tail_bytes > self._part_bytes:
            self._tail_bytes -= self._tail.popleft()[1]

    def chunks(self) -> list[dict]:
        """All that is kept: [{"first_line": n, "lines": [...]}], head and tail."""
        with self._lock:
            tail = [text for text, _ in self._tail]
            first = self._count - len(tail)
            if first == len(self._head):
                lines = self._head + tail
                return [{"first_line": 0, "lines": lines}] if lines else []
            return [
                {"first_line": 0, "lines": list(self._head)},
                {"first_line": first, "lines": tail},
            ]

    def since(self, number: int, *, max_lines: int, max_bytes: int) -> dict | None:
        """The next kept lines from `number` on, or None; a gap shows in first_line."""
        with self._lock:
            first_of_tail = self._count - len(self._tail)
            if number >= self._count:
                return None
            if number < len(self._head):
                source, first = self._head[number : number + max_lines], number
            else:
                first = max(number, first_of_tail)
                skip = first - first_of_tail
                source = [
                    self._tail[i][0] for i in range(skip, min(skip + max_lines, len(self._tail)))
                ]
        lines: list[str] = []
        for text in source:
            max_bytes -= len(text.encode()) + 1
            if max_bytes < 0 and lines:
                break
            lines.append(text)
        return {"first_line": first, "lines": lines} if lines else None
