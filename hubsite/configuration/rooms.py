"""Settings are declared beside the code (the room) that uses them, as typed attributes.

    class ShipSettings(SiteSettings):
        section = "Ships"

        most_ships: int = setting("XCUBE_HUB_MOST_SHIPS", whole_number, 10, minimum=1)
        '''Ships that may be at sea at once.'''

    hub = ShipSettings()

`hub.most_ships` is the present value. The docstring below a declaration is shown in
docs/configuration.md and by `show_settings`. A room inherits from the rooms that it may import,
so its `hub` has their settings too.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from .reading import Setting


class _Declared:
    """The declaration of a setting in a room's class; an instance has the value instead."""

    def __init__(self, name: str, kind: Callable[[str], Any], default: Any, **options: Any) -> None:
        self.name = name
        self._row = (kind, default, options)

    def row(self, *, text: str, room: type[Room]) -> Setting:
        """The row of the table; a default that is a function gets the room."""
        kind, default, options = self._row
        return Setting(
            self.name,
            kind,
            default,
            text,
            room.section,
            room=room if callable(default) else None,
            **options,
        )

    def __get__(self, instance: Room | None, owner: type[Room]) -> Any:
        return self if instance is None else instance.values[self.name]


def setting(name: str, kind: Callable[[str], Any], default: Any, **options: Any) -> Any:
    """Declare a setting. `kind` reads its text; `default` is a value, or a function of the room.

    `options` are the other members of `reading.Setting`.
    """
    return _Declared(name, kind, default, **options)


class Room:
    """Base class of a room's settings; the module's docstring shows a subclass."""

    section: ClassVar[str] = ""
    """The heading of the section in docs/configuration.md."""
    rows: ClassVar[tuple[Setting, ...]] = ()
    """The settings that the room itself declares, for the table."""

    def __init__(
        self, values: Mapping[str, Any] | None = None, given: Collection[str] = ()
    ) -> None:
        """Read from `values`, of which `given` were set; without them, from Django's settings."""
        self._values = values
        self._given = given

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        declared = [(name, it) for name, it in vars(cls).items() if isinstance(it, _Declared)]
        texts = _docstrings(cls) if declared else {}
        cls.rows = tuple(it.row(text=texts.get(name, ""), room=cls) for name, it in declared)

    @property
    def values(self) -> Mapping[str, Any]:
        """Values by name. Tests set `settings.HUB = {**settings.HUB, "XCUBE_HUB_…": value}`."""
        if self._values is not None:
            return self._values
        from django.conf import settings

        return settings.HUB

    def is_given(self, name: str) -> bool:
        """Whether an operator set it; otherwise it has its default."""
        if self._values is not None:
            return name in self._given
        from django.conf import settings

        return name in settings.HUB_GIVEN


def _docstrings(room: type[Room]) -> dict[str, str]:
    """The string below each declaration, which Python itself does not keep."""
    (body,) = [
        node.body
        for node in ast.walk(_tree(sys.modules[room.__module__].__file__))
        if isinstance(node, ast.ClassDef) and node.name == room.__name__
    ]
    texts = {}
    for declaration, below in zip(body, body[1:], strict=False):
        if isinstance(declaration, ast.AnnAssign) and isinstance(declaration.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    texts[declaration.target.id] = " ".join(text.split())
    return texts


@functools.cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))
