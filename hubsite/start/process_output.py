"""Merges the output of several processes line by line, each line marked with its origin."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

_COLOURS = {
    "hub": "1",
    "web": "36",
    "worker": "33",
    "outside": "34",
    "observer": "32",
    "runner": "35",
}
_LONGEST_LINE_BYTES = 64 * 1024


class Output:
    """Writes marked lines to a stream; drops them once no one reads the stream any more.

    A stream that takes nothing for a while (a log's full disk, a slow reader of a pipe that does
    not block) is not gone: its lines are counted, and their number is told when it writes again.
    """

    def __init__(self, names: Sequence[str], *, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdout.buffer
        self._width = max(len(name) for name in names)
        self._coloured = self._stream.isatty() and "NO_COLOR" not in os.environ
        self.is_gone = False
        self._lost = 0

    def write(self, name: str, line: bytes) -> None:
        if self.is_gone:
            return
        try:
            if self._lost:
                self._write(
                    "hub", b"%d lines may be missing here: they could not be written." % self._lost
                )
                self._lost = 0
            self._write(name, line)
        except (OSError, ValueError) as error:
            self.is_gone = self._has_ended(error)
            self._lost += 1

    def _write(self, name: str, line: bytes) -> None:
        self._stream.write(self._mark(name) + line + b"\n")
        self._stream.flush()

    def _has_ended(self, error: OSError | ValueError) -> bool:
        """Whether this stream will never take anything again."""
        if not isinstance(error, OSError) or isinstance(error, ConnectionError):
            return True  # it was closed, or no one has its other end
        if error.errno == errno.EIO:
            return self._stream.isatty()  # the terminal is closed
        return error.errno == errno.EBADF

    def tell(self, sentence: str) -> None:
        """Write a line of `start` itself."""
        self.write("hub", sentence.encode(errors="replace"))

    def _mark(self, name: str) -> bytes:
        mark = f"{name:<{self._width}} │ "
        if self._coloured:
            mark = f"\x1b[{_COLOURS.get(name, '34')}m{mark}\x1b[0m"
        return mark.encode()


class Lines:
    """Splits the output of one process into lines."""

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._output.write(self._name, line.rstrip(b"\r"))

    def finish(self) -> None:
        if self._rest:
            self._output.write(self._name, self._rest)
            self._rest = b""
