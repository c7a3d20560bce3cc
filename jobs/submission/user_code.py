"""Checks an uploaded zip archive of user code, before a run unpacks it."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from hubsite.refusals import FieldError, Kind

from ..request.errors import InvalidRequest
from ..request.paths import path_fault

MAX_COMPRESSED_BYTES = 10 * 1024**2
MAX_BYTES = 100 * 1024**2
MAX_ENTRIES = 10_000
MAX_RATIO = 200
RATIO_FREE_BYTES = 1024**2  # below this size any compression ratio is harmless
MAX_NAME = 512

FIELD = "user_code"
_CHUNK = 64 * 1024
_DIRECTORY_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1 | 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all that Python can import from
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
)


def check_upload(file_name: str, data: bytes) -> None:
    """Check the archive `data` that was uploaded as `file_name`.

    Sizes are counted while unpacking without storing, because sizes in headers may be wrong.
    Raises InvalidRequest with every fault found.
    """
    if not file_name or "/" in file_name or path_fault(file_name, longest=255):
        _refuse("expected a bare file name, such as user_code.zip")
    if len(data) > MAX_COMPRESSED_BYTES:
        _refuse("expected at most 10 MB", kind=Kind.TOO_LARGE)
    if data.count(_DIRECTORY_ENTRY) > 5 * MAX_ENTRIES:  # some may belong to archives inside it
        _refuse(f"expected at most {MAX_ENTRIES:,} entries", kind=Kind.TOO_LARGE)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_directory(archive.infolist())
            _check_contents(archive)
    except _BROKEN:
        _refuse("expected a zip archive that can be unpacked")


def _refuse(*messages: str, kind: Kind = Kind.INVALID) -> None:
    raise InvalidRequest([FieldError(FIELD, message) for message in messages], kind)


def _check_directory(entries: list[zipfile.ZipInfo]) -> None:
    """Faults in the archive's directory, found before anything is unpacked."""
    if not entries:
        _refuse("expected an archive that is not empty")
    if len(entries) > MAX_ENTRIES:
        _refuse(f"expected at most {MAX_ENTRIES:,} entries", kind=Kind.TOO_LARGE)
    faults = []
    names: set[str] = set()
    for entry in entries:
        shown = ascii(entry.orig_filename[:80])
        if fault := _entry_fault(entry):
            faults.append(f"entry {shown}: {fault}")
        name = entry.orig_filename.rstrip("/")
        if name in names:
            faults.append(f"entry {shown}: is there twice")
        names.add(name)
    files = {e.orig_filename for e in entries if not e.orig_filename.endswith("/")}
    for name in names:
        parents = name.split("/")[:-1]
        if any("/".join(parents[: i + 1]) in files for i in range(len(parents))):
            faults.append(f"entry {ascii(name[:80])}: lies in a file, not in a folder")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        _refuse("expected at most 100 MB when unpacked", kind=Kind.TOO_LARGE)
    if faults:
        _refuse(*faults)


def _entry_fault(entry: zipfile.ZipInfo) -> str | None:
    name = entry.orig_filename
    if fault := path_fault(name.removesuffix("/"), longest=MAX_NAME):
        return fault
    if len(name) > 1 and name[1] == ":":
        return "expected a name without a drive"
    if any(len(part.encode(errors="replace")) > 255 for part in name.split("/")):
        return "expected names of at most 255 bytes"
    if entry.flag_bits & _ENCRYPTED:
        return "expected no encryption"
    if entry.compress_type not in _METHODS:
        return "expected the compression method deflate, or none"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "expected files and folders only, no links or devices"
    if (kind == stat.S_IFDIR) != name.endswith("/") and kind != 0:
        return "expected a folder's name, and no other, to end with '/'"
    return None


def _check_contents(archive: zipfile.ZipFile) -> None:
    """Read every entry; check its real size and its checksum."""
    total = 0
    for entry in archive.infolist():
        size = 0
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                total += len(chunk)
                if total > MAX_BYTES:
                    _refuse("expected at most 100 MB when unpacked", kind=Kind.TOO_LARGE)
                if size > max(RATIO_FREE_BYTES, MAX_RATIO * entry.compress_size):
                    _refuse(f"entry {ascii(entry.filename[:80])}: is compressed too strongly")
        if size != entry.file_size:
            _refuse(f"entry {ascii(entry.filename[:80])}: has another size than it claims")
