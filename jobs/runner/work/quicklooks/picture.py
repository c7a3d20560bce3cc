"""Makes a PNG with a palette of an image of values: small, in proportion, no data transparent.

The first color of the palette is transparent. A noisy image that would need too many bytes gets
fewer colors, then fewer pixels.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from .colors import Classes, Color, Scale

LONGEST_SIDE = 512
PNG_BYTES = 64_000
NARROWEST = 24
_TRIES = ((512, 128), (512, 48), (512, 24), (384, 32), (256, 48), (256, 16), (128, 16))
"""Longest side and number of colors. The last fits whatever the image is."""
LINE = (512, 256)
_LINE_COLOR: Color = (33, 145, 140)


def of_numbers(image: np.ndarray, is_valid: np.ndarray, scale: Scale, proportion: float) -> bytes:
    """`proportion` is width by height."""

    def tries() -> Iterator[bytes]:
        for side, levels in _TRIES:
            pick = _pick(image.shape, proportion, side)
            places = scale.places(image[pick], levels) + np.uint8(1)
            places[~is_valid[pick]] = 0
            yield _encoded(places, scale.palette(levels))

    return _first_small(tries())


def of_classes(
    places: np.ndarray, is_valid: np.ndarray, classes: Classes, proportion: float
) -> bytes:
    numbered = np.where(is_valid, places + np.uint8(1), np.uint8(0))
    return _first_small(
        _encoded(numbered[_pick(places.shape, proportion, side)], classes.palette)
        for side, _ in _TRIES
    )


def of_line(values: np.ndarray, is_valid: np.ndarray, scale: Scale) -> bytes:
    """A line through the values in their order, with gaps where there is no data."""
    from PIL import Image, ImageDraw

    width, height = LINE
    picture = Image.new("P", LINE, 0)
    draw = ImageDraw.Draw(picture)
    ys = height - 3 - scale.places(values, 250).astype(int)
    xs = np.linspace(2, width - 3, len(values)).round().astype(int)
    last: tuple[int, int] | None = None
    for x, y, valid in zip(xs.tolist(), ys.tolist(), is_valid.tolist(), strict=True):
        if not valid:
            last = None
            continue
        if last is None:
            draw.ellipse([x - 1, y - 1, x + 1, y + 1], fill=1)
        else:
            draw.line([last, (x, y)], fill=1, width=3)
        last = (x, y)
    return _encoded(np.asarray(picture), [_LINE_COLOR])


def _pick(shape: tuple[int, ...], proportion: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest rows and columns for a picture whose longest side has `side` pixels."""
    if proportion >= 1:
        width, height = side, max(NARROWEST, round(side / proportion))
    else:
        width, height = max(NARROWEST, round(side * proportion)), side
    rows = ((np.arange(min(side, height)) + 0.5) * shape[0] / min(side, height)).astype(int)
    columns = ((np.arange(min(side, width)) + 0.5) * shape[1] / min(side, width)).astype(int)
    return np.ix_(rows, columns)


def _first_small(pictures: Iterator[bytes]) -> bytes:
    data = b""
    for data in pictures:
        if len(data) <= PNG_BYTES:
            break
    return data


def _encoded(places: np.ndarray, palette: list[Color]) -> bytes:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(places), "L")
    picture.putpalette([0, 0, 0, *(part for color in palette for part in color)])
    data = io.BytesIO()
    picture.save(data, "PNG", transparency=0)
    return data.getvalue()
