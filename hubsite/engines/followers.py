"""Who follows an engine: each app registers the follower of its kind of work.

    followers.register("runs", make_follower)        # in AppConfig.ready

`manage.py observe` runs all of them, each in a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from django.db import connection

from .following import Follower
from .place import Engine

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 2.0


class Make(Protocol):
    """Makes a follower of an engine; None if the engine has nothing of this kind."""

    def __call__(
        self, engine: Engine, *, is_stopping: Callable[[], bool]
    ) -> Follower[Any] | None: ...


_makers: dict[str, Make] = {}


def register(name: str, make: Make) -> None:
    """Register the follower of one kind of work."""
    _makers[name] = make


def follow(engine: Engine, stopping: threading.Event) -> None:
    """Run all followers of this engine until `stopping` is set.

    A follower that fails unexpectedly is started again, and the others go on meanwhile.
    """
    threads = [
        threading.Thread(target=_follow, args=(name, make, engine, stopping), name=name)
        for name, make in _makers.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _follow(name: str, make: Make, engine: Engine, stopping: threading.Event) -> None:
    try:
        while not stopping.is_set():
            try:
                follower = make(engine, is_stopping=stopping.is_set)
                if follower is None:
                    return
                follower.run()
            except Exception:
                logger.exception("the follower of %s failed; it begins again", name)
                stopping.wait(AGAIN_AFTER_S)
    finally:
        connection.close()
