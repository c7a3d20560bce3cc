"""The names of objects that changed, handed from informers to the one who looks at them."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Changes:
    """A set of names: any number of changes of one object between two looks is one change.

    Informers put names in, each from its own thread; a `KindWatch` waits and takes them out.
    """

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._names: set[str] = set()
        self._existed: set[str] = set()
        self._has_listed = False

    def add(self, name: str, *, is_root: bool) -> None:
        """The object `name` changed; `is_root` if it was not only one of its pods."""
        with self._wake:
            self._names.add(name)
            if is_root:
                self._existed.add(name)
            self._wake.notify()

    def add_list(self) -> None:
        """Everything was listed anew."""
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
        """Until `is_ready`, which is asked again after each change."""
        with self._wake:
            self._wake.wait_for(is_ready, timeout_s)

    def take(self) -> set[str]:
        """The names that changed since the last time."""
        with self._wake:
            names, self._names = self._names, set()
            return names

    def take_list(self) -> None:
        """A level is about to be given: what was listed until now needs no other one."""
        with self._wake:
            self._has_listed = False

    def take_gone(self, name: str) -> bool:
        """Whether the object, which is not there now, existed since this was asked last."""
        with self._wake:
            existed = name in self._existed
            self._existed.discard(name)
            return existed
