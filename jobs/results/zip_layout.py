"""Where each byte of a zip file lies, known before a file is read: uncompressed, with zip64.

The format is PKWARE's APPNOTE.TXT, 6.3.10. Entries are *stored*, because chunks of cubes are
compressed already, so sizes and offsets follow from those of the files. A checksum comes after
its file (a data descriptor), so that each file is read once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

SIXTEEN_BITS = 0xFFFF
THIRTY_TWO_BITS = 0xFFFFFFFF
LARGEST = THIRTY_TWO_BITS - 1
"""Sizes and offsets above this are told by zip64 fields. A test makes it small."""
MOST_ENTRIES = SIXTEEN_BITS - 1

_UTF8_AND_DESCRIPTOR = 0x0808
_STORED = 0
_PLAIN, _ZIP64 = 20, 45
_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16


def dos_time(seconds: int) -> tuple[int, int]:
    """(time, date) of a moment in UTC as MS-DOS has it: from 1980 to 2107, even seconds."""
    moment = datetime.fromtimestamp(min(max(seconds, 315_532_800), 4_354_819_198), UTC)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day


def local_header(name: bytes, size: int, modified: int) -> bytes:
    """What is before the content of an entry."""
    is_large = size > LARGEST
    extra = struct.pack("<HHQQ", 1, 16, size, size) if is_large else b""
    shown = THIRTY_TWO_BITS if is_large else size
    head = struct.pack(
        "<4s5H3L2H",
        b"PK\x03\x04",
        _ZIP64 if is_large else _PLAIN,
        _UTF8_AND_DESCRIPTOR,
        _STORED,
        *dos_time(modified),
        0,
        shown,
        shown,
        len(name),
        len(extra),
    )
    return head + name + extra


def descriptor(size: int, crc: int) -> bytes:
    """What comes after the content of an entry."""
    kind = "<4sLQQ" if size > LARGEST else "<4sLLL"
    return struct.pack(kind, b"PK\x07\x08", crc, size, size)


def entry_bytes(name: bytes, size: int) -> int:
    """How long an entry is in all."""
    return len(local_header(name, size, 0)) + size + len(descriptor(size, 0))


def central_header(name: bytes, size: int, modified: int, crc: int, offset: int) -> bytes:
    """The entry in the directory at the end."""
    large = [size, size] if size > LARGEST else []
    if offset > LARGEST:
        large.append(offset)
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    version = _ZIP64 if large else _PLAIN
    shown = THIRTY_TWO_BITS if size > LARGEST else size
    head = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        _UNIX | version,
        version,
        _UTF8_AND_DESCRIPTOR,
        _STORED,
        *dos_time(modified),
        crc,
        shown,
        shown,
        len(name),
        len(extra),
        0,
        0,
        0,
        _REGULAR_FILE,
        min(offset, THIRTY_TWO_BITS) if offset <= LARGEST else THIRTY_TWO_BITS,
    )
    return head + name + extra


def end_of_directory(entries: int, size: int, offset: int) -> bytes:
    """The last bytes of the file; `size` and `offset` are the directory's."""
    end = b""
    if entries > MOST_ENTRIES or size > LARGEST or offset > LARGEST:
        end = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, _UNIX | _ZIP64, _ZIP64, 0, 0,
            entries, entries, size, offset,
        ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)  # fmt: skip
    return end + struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        0,
        0,
        min(entries, SIXTEEN_BITS),
        min(entries, SIXTEEN_BITS),
        size if size <= LARGEST else THIRTY_TWO_BITS,
        offset if offset <= LARGEST else THIRTY_TWO_BITS,
        0,
    )


def total_bytes(names: Sequence[bytes], sizes: Sequence[int]) -> int:
    """The length of the whole zip file."""
    offset = directory = 0
    for name, size in zip(names, sizes, strict=True):
        directory += len(central_header(name, size, 0, 0, offset))
        offset += entry_bytes(name, size)
    return offset + directory + len(end_of_directory(len(names), directory, offset))
