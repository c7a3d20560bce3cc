"""Small PNGs for tests, and reports that bring them."""

from __future__ import annotations

import base64
import math
import zlib
from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    total = zlib.crc32(kind + content)
    return len(content).to_bytes(4) + kind + content + total.to_bytes(4)


def header(width: int, height: int, rest: bytes = bytes([8, 3, 0, 0, 0])) -> bytes:
    return chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + rest)


PALETTE = chunk(b"PLTE", bytes([0, 0, 0, 255, 128, 0]))
TRANSPARENCY = chunk(b"tRNS", b"\0")
END = chunk(b"IEND", b"")


def pixels(width: int, height: int) -> bytes:
    return chunk(b"IDAT", zlib.compress(b"".join(b"\0" + b"\1" * width for _ in range(height))))


def png(width: int = 4, height: int = 2) -> bytes:
    """A picture in one color."""
    return SIGNATURE + header(width, height) + PALETTE + TRANSPARENCY + pixels(width, height) + END


VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30"]


def map_png(width: int = 512, height: int = 288) -> bytes:
    """Something like a map: waves in eight colors, and two islands without data."""
    palette = bytes(int(color[n : n + 2], 16) for color in VIRIDIS for n in (1, 3, 5))
    places = range(width)
    rows = []
    for y in range(height):
        wave = 2.2 * math.sin(y / 41)
        row = (4 + wave + 1.5 * math.sin(x / 57 + y / 90) for x in places)
        rows.append(bytes(1 + min(7, max(0, int(value))) for value in row))
        rows[-1] = bytes(
            0 if (x - 140) ** 2 + (y - 90) ** 2 < 2500 or (x - 380) ** 2 + (y - 200) ** 2 < 4000
            else value
            for x, value in enumerate(rows[-1])
        )  # fmt: skip
    image = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    colors = chunk(b"PLTE", bytes(3) + palette)
    return SIGNATURE + header(width, height) + colors + TRANSPARENCY + image + END


def looked(variable: str = "sst", position: int = 0, **changes: Any) -> dict[str, Any]:
    """A quick-look as a run reports it."""
    return {
        "position": position,
        "variable": variable,
        "title": "Sea surface temperature",
        "units": "kelvin",
        "time": "2020-01-01T12:00:00Z",
        "at": {"depth": "0.5"},
        "vmin": 272.5,
        "vmax": 303.0,
        "colors": ["#440154", "#fde725"],
        "classes": [],
        "bbox": [-180, -90, 180, 90],
        "png": base64.b64encode(png()).decode(),
        "note": "",
        **changes,
    }
