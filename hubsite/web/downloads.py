"""Long answers that are sent at the client's pace, without a thread and without a copy.

    return Download(source, content_type="application/zip", headers={"Content-Length": …})

A view answers at once. Then the main loop of the hub's gunicorn worker asks the source for the
next piece whenever the client has read the one before (serving/worker.py). So a download of ten
gigabytes by a slow client costs one connection and one piece of memory. Another server, as in
tests, iterates over the answer as over any stream.

How many downloads may be open is limited in each process:

    place = take_place(user.username)
    ...
    place.give_back()
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from django.db import connection
from django.http import StreamingHttpResponse

from hubsite.refusals import Kind, Refused

MOST = 16
MOST_OF_ONE = 2
RETRY_AFTER_S = 30
ASKED_EVERY_S = 5
"""How often it is asked whether a download may go on."""

_lock = threading.Lock()
_open: Counter[str] = Counter()


class Source(Protocol):
    """What is sent. Pieces have at most a megabyte; an empty one means: ask again.

    No piece may take long, because few threads of the process make those of all downloads. If
    an iteration raises, the connection is cut, so that the client sees that the answer is not
    whole. `end` is called once, whatever happened.
    """

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def end(self) -> None: ...


class NotAllowed(Exception):
    """The right to a download ended while it was sent."""


class WhileAllowed:
    """A source that is cut off when a right to it ends; the right is asked every few seconds."""

    def __init__(self, source: Source, may_go_on: Callable[[], bool]) -> None:
        self._source = source
        self._may_go_on = may_go_on
        self._asked_at = time.monotonic()

    def __iter__(self) -> WhileAllowed:
        return self

    def __next__(self) -> bytes:
        if time.monotonic() >= self._asked_at + ASKED_EVERY_S:
            self._ask()
        return next(self._source)

    def _ask(self) -> None:
        try:
            if not self._may_go_on():
                raise NotAllowed("The right to this download has ended.")
        finally:
            if not connection.in_atomic_block:  # no request ends that would close it
                connection.close()
        self._asked_at = time.monotonic()

    def end(self) -> None:
        self._source.end()


class Download(StreamingHttpResponse):
    """An answer whose body comes from a source."""

    def __init__(self, source: Source, outbox: Any = None, **options: Any) -> None:
        """`outbox`: the server's end of the connection, `request.META["gunicorn.socket"]`."""
        self._source: Source | None = source
        self._outbox = outbox if hasattr(outbox, "source") else None
        super().__init__(_Pieces(source), **options)

    def __iter__(self) -> Iterator[bytes]:
        if self._outbox is None or self._source is None or self._is_emptied:
            return super().__iter__()
        self._outbox.source, self._source = self._source, None
        return iter(())

    def _set_streaming_content(self, value: Any) -> None:
        self._is_emptied = not isinstance(value, _Pieces)  # by the answer to HEAD
        super()._set_streaming_content(value)

    def close(self) -> None:
        super().close()
        source, self._source = self._source, None
        if source is not None:
            source.end()


class _Pieces:
    """The pieces that are there. It has no `close`: the source may outlive the answer."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        return (piece for piece in self._source if piece)


class Place:
    """One of the places for downloads of a process."""

    def __init__(self, who: str) -> None:
        self._who: str | None = who

    def give_back(self) -> None:
        """Free the place; repeating it changes nothing."""
        with _lock:
            if self._who is not None:
                _open[self._who] -= 1
                if not _open[self._who]:
                    del _open[self._who]
                self._who = None


def take_place(who: str) -> Place:
    """Take a place for a download of `who`.

    Raises Refused: UNAVAILABLE if all places are taken, BUSY if `who` holds its share.
    """
    with _lock:
        if _open[who] >= MOST_OF_ONE:
            raise Refused(
                f"{MOST_OF_ONE} of your downloads are open already. Please try again when one has "
                "ended.",
                kind=Kind.BUSY,
                retry_after_s=RETRY_AFTER_S,
            )
        if _open.total() >= MOST:
            raise Refused(
                "Too many downloads are open just now. Please try again.",
                kind=Kind.UNAVAILABLE,
                retry_after_s=RETRY_AFTER_S,
            )
        _open[who] += 1
    return Place(who)
