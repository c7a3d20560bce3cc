"""The standard colormaps, drawn once for all viewers, which then share the memory.

xcube makes them anew for each configuration, and draws a bar of each when a viewer's page asks for
them. That takes a tenth of a second before the first tile.
"""

from __future__ import annotations

from xcube.util.cmaps import Colormap, ColormapRegistry

_standard: list[Colormap] = []
"""As xcube registers them: one that it registers twice is here twice."""


class _Noting(ColormapRegistry):
    def register_colormap(self, colormap: Colormap) -> None:
        _standard.append(colormap)
        super().register_colormap(colormap)


def draw() -> None:
    """Draw the bars before viewers are forked."""
    _standard.clear()
    _Noting().to_json()


def share() -> None:
    """Let registries of this process begin with the colormaps that were drawn."""
    if not _standard:
        return

    def register(self: ColormapRegistry) -> None:
        for colormap in _standard:
            self.register_colormap(colormap)

    ColormapRegistry._register_mpl_cmaps = register
    ColormapRegistry._register_ocm_cmaps = lambda self: None
