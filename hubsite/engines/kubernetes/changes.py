"""A queue of names of changed objects, from informers to the thread that reads them."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Changes:
    """A set of names, so many changes of one object between two reads count as one.

    Informers put names in, each from its own thread. A `KindWatch` waits and takes them out.
    """

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._names: set[str] = set()
        self._existed: set[str] = set()
        self._has_listed = False

    def add(self, name: str, *, is_root: bool) -> None:
        """Note that the object `name` changed; `is_root` if it changed itself, not only a pod."""
        with self._wake:
            self._names.add(name)
            if is_root:
                self._existed.add(name)
            self._wake.notify()

    def add_list(self) -> None:
        """Note that everything was listed again."""
        with self._wake:
            self._has_listed = True
            self._wake.notify()

    @property
    def has_names(self) -> bool:
        return bool(self._names)

    @property
    def has_listed(self) -> bool:
        return self._has_listed

    def wait(self, is_ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until `is_ready()`, which is called again after each change."""
        with self._wake:
            self._wake.wait_for(is_ready, timeout_s)

    def take(self) -> set[str]:
        """Take out the names that changed since the last call."""
        with self._wake:
            names, self._names = self._names, set()
            return names

    def take_list(self) -> None:
        """Note that a level will be given now, so earlier lists need no further one."""
        with self._wake:
            self._has_listed = False

    def take_gone(self, name: str) -> bool:
        """Whether the object, which does not exist now, existed since the last call."""
        with self._wake:
            existed = name in self._existed
            self._existed.discard(name)
            return existed
