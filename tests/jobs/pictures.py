"""Small PNGs for tests, and reports that bring them."""

from __future__ import annotations

import base64
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
