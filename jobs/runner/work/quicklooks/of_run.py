"""The quick-looks of what a run wrote, by the run's own payload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...record.failures import without_roots
from .. import containment, egress, levels
from ..stores import NamedStores
from .making import Maker
from .opening import NotLooked, open_output


def looks_of(
    payload: dict[str, Any], *, limit_s: float, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Yield quick-looks for about `limit_s` at most; `say` reports each failure."""
    request, with_levels = levels.taken_from(payload["request"])
    stores = payload["stores"]

    def tell(text: str) -> None:
        say(without_roots(text, stores))

    try:
        containment.check(request, stores)
        with egress.guarded(payload.get("egress"), request=request, stores=stores):
            pool = NamedStores.from_dict(stores)
            dataset = open_output(request["output_config"], pool, with_levels=with_levels)
            yield from Maker(dataset, limit_s, tell).looks()
    except NotLooked as reason:
        tell(str(reason))
    except Exception as error:  # noqa: BLE001 - stores and data raise what they like
        tell(f"{type(error).__name__}: {error}")


def prepare() -> None:
    """Import what the pictures need, so that forked processes need not."""
    import matplotlib
    import PIL.Image
    import PIL.ImageDraw
    import PIL.PngImagePlugin  # noqa: F401

    PIL.Image.preinit()
    matplotlib.colormaps["viridis"](0.5)
