"""Quick-looks: small pictures of a cube's variables, which its run makes and reports at its end.

They come from a process that reads what may be hostile data, so nothing in them is believed. The
hub does not decode a picture. It checks that it is a PNG with a palette, of a small size, and of
nothing but the chunks that such a PNG needs. It is never served as anything else.

    for look in quicklooks.of(job): look.variable, look.width, quicklooks.path_of(job, look)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import sys
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Subquery
from django.utils import timezone

from hubsite.coordination import retention
from hubsite.refusals import Refused
from hubsite.visible_text import without_hidden
from jobs.settings import hub

from ..models import Job, QuickLook, State

MOST = 12
LONGEST_SIDE = 512
PNG_BYTES = 64_000
MOST_COLORS = 16
MOST_DIMENSIONS = 8
LATE = timedelta(minutes=10)
"""So long after a job's end its pictures are still taken: its run may have to report them late."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PALETTE = 3
_COLOR = re.compile(r"#[0-9a-f]{6}\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_OWN_NAME = re.compile(r"variable-[0-9]+\Z")
_TIME = re.compile(r"-?[0-9]{4,7}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,18}Z\Z")


@dataclass(frozen=True)
class Look:
    """A quick-look as a run reported it, checked."""

    position: int
    fields: dict[str, Any]


def of(job: Job) -> list[QuickLook]:
    """The job's pictures in the order of its variables, without their bytes."""
    return [look for look in all_of(job) if look.width]


def all_of(job: Job) -> list[QuickLook]:
    """The same with the variables of which no picture could be made; their note says why."""
    return list(QuickLook.objects.filter(job=job).defer("png").order_by("position"))


def first_of(jobs: Collection[Job]) -> dict[int, QuickLook]:
    """By primary key of a job: its first picture, without its bytes. One query for all."""
    rows = QuickLook.objects.filter(job__in=[job.pk for job in jobs], width__gt=0)
    first: dict[int, QuickLook] = {}
    for look in rows.defer("png", "classes", "colors").order_by("position"):
        first.setdefault(look.job_id, look)
    return first


def newest_of(user: Any) -> Subquery:
    """What changes when a picture of the user's cubes comes: pages wait for those of new cubes."""
    rows = QuickLook.objects.filter(job__owner=user, made_at__gt=timezone.now() - LATE)
    return Subquery(rows.order_by("-pk").values("pk")[:1])


def find(job: Job, name: str) -> QuickLook | None:
    """The picture of that name, with its bytes."""
    return QuickLook.objects.filter(job=job, name=name, width__gt=0).first()


def path_of(job: Job, look: QuickLook) -> str:
    """The path of the picture in the API, below its base URL."""
    return f"/cubegens/{job.job_id}/quicklooks/{look.name}.png"


def keep(job: Job, look: Look) -> bool:
    """Store a picture that the job's run reported; whether it was wanted.

    A repeated report replaces the earlier one. A job that failed, was deleted, or ended long ago
    gets none.
    """
    is_wanted = Q(state__in=(State.LAUNCHED, State.RUNNING)) | _has_just_succeeded()
    with transaction.atomic():
        # The row is held, so that nothing comes after its owner's data was deleted. By its id,
        # which a deletion changes.
        rows = Job.objects.filter(is_wanted, pk=job.pk, job_id=job.job_id, hidden_at=None)
        if not rows.select_for_update().values_list("pk").first():
            return False
        rows = QuickLook.objects.filter(job=job)
        rows.filter(Q(position=look.position) | Q(name=look.fields["name"])).delete()
        QuickLook.objects.create(job=job, position=look.position, **look.fields)
    return True


def are_awaited(job: Job) -> bool:
    """Whether the job has its cube, and its run may still report pictures."""
    if job.state != State.SUCCEEDED:
        return False
    return Job.objects.filter(_has_just_succeeded(), pk=job.pk, hidden_at=None).exists()


def _has_just_succeeded() -> Q:
    return Q(state=State.SUCCEEDED, finished_at__gt=timezone.now() - LATE)


def remove(jobs: QuerySet[Job]) -> None:
    """Delete the pictures of these jobs."""
    QuickLook.objects.filter(job__in=jobs).delete()


def forget_old() -> int:
    """Delete pictures that are older than the setting says (housekeeping)."""
    until = timezone.now() - timedelta(days=hub.quicklooks_days)
    return retention.delete(QuickLook.objects.filter(made_at__lt=until))


def parse(told: Any) -> Look:
    """Check what a run reported. Raises Refused that names the field."""
    if not isinstance(told, dict):
        raise _wrong("", "an object is expected")
    position = told.get("position")
    if not _is_integer(position) or not 0 <= position < MOST:
        raise _wrong("position", f"a whole number from 0 to {MOST - 1} is expected")
    variable = _text(told, "variable", 200)
    if not variable:
        raise _wrong("variable", "a name is expected")
    fields = {
        "name": _name(variable, position),
        "variable": variable,
        "title": _text(told, "title", 200),
        "units": _text(told, "units", 100),
        "note": _text(told, "note", 300),
        "time": _time(told.get("time")),
        "at": _at(told.get("at")),
        "vmin": _number(told, "vmin"),
        "vmax": _number(told, "vmax"),
        "colors": _colors(told.get("colors")),
        "classes": _classes(told.get("classes")),
        "bbox": _bbox(told.get("bbox")),
    }
    if told.get("png") is None:
        if not fields["note"]:
            raise _wrong("note", "without a picture, a text is expected that says why")
        return Look(position, {**fields, "png": None})
    png = _decoded(told["png"])
    width, height = check_png(png)
    digest = hashlib.sha256(png).hexdigest()
    return Look(
        position, {**fields, "png": png, "width": width, "height": height, "digest": digest}
    )


def check_png(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG with a palette. Raises Refused for everything else.

    Each chunk must be one that such a picture needs, in order, with a correct sum, so it holds
    no text, profile, animation or anything after its end.
    """
    if not data.startswith(_SIGNATURE):
        raise _wrong("png", "a PNG is expected")
    chunks = list(_chunks_of(data))
    order = [_CHUNKS.index(kind) for kind, _ in chunks]
    kinds = [kind for kind, _ in chunks]
    is_whole = kinds[:2] == [b"IHDR", b"PLTE"] and kinds[-1] == b"IEND" and b"IDAT" in kinds
    once = all(kinds.count(kind) <= 1 for kind in _CHUNKS if kind != b"IDAT")
    if not is_whole or not once or order != sorted(order) or chunks[-1][1]:
        raise _wrong("png", "the chunks IHDR, PLTE, tRNS, IDAT and IEND are expected, in order")
    header, palette = chunks[0][1], chunks[1][1]
    if len(header) != 13:
        raise _wrong("png", "a header of 13 bytes is expected")
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise _wrong("png", f"1 to {LONGEST_SIDE} pixels along each side are expected")
    if header[8] not in (1, 2, 4, 8) or tuple(header[9:]) != (_PALETTE, 0, 0, 0):
        raise _wrong("png", "a palette and no interlacing are expected")
    if not 3 <= len(palette) <= 768 or len(palette) % 3:
        raise _wrong("png", "a palette of 1 to 256 colors is expected")
    return width, height


def _chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place < len(data):
        length = int.from_bytes(data[place : place + 4])
        kind, end = data[place + 4 : place + 8], place + 12 + length
        if kind not in _CHUNKS or end > len(data):
            raise _wrong("png", "the chunks IHDR, PLTE, tRNS, IDAT and IEND are expected, in order")
        content = data[place + 8 : end - 4]
        if zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end]):
            raise _wrong("png", "a picture without a damaged chunk is expected")
        yield kind, content
        place = end


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > (PNG_BYTES + 2) // 3 * 4:
        raise _wrong("png", f"base64 of at most {PNG_BYTES} bytes is expected")
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise _wrong("png", f"base64 of at most {PNG_BYTES} bytes is expected") from None
    if len(data) > PNG_BYTES:
        raise _wrong("png", f"base64 of at most {PNG_BYTES} bytes is expected")
    return data


def _name(variable: str, position: int) -> str:
    """The variable's name if it fits into an address, else one by its position."""
    if _NAME.match(variable) and not _OWN_NAME.match(variable):
        return variable
    return f"variable-{position}"


def _text(told: dict[str, Any], field: str, length: int) -> str:
    value = told.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(field, "a text is expected")
    return without_hidden(value).strip()[:length]


def _time(value: Any) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > 40 or not _TIME.match(value):
        raise _wrong("time", "a time like 2020-01-01T00:00:00Z is expected")
    return value


def _at(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    fits = isinstance(value, dict) and len(value) <= MOST_DIMENSIONS
    if not fits or not all(isinstance(place, str) for place in value.values()):
        raise _wrong("at", f"an object of at most {MOST_DIMENSIONS} texts is expected")
    return {without_hidden(dim)[:100]: without_hidden(place)[:40] for dim, place in value.items()}


def _number(told: dict[str, Any], field: str) -> float | None:
    value = told.get(field)
    if value is None:
        return None
    if not _is_number(value):
        raise _wrong(field, "a finite number is expected")
    return float(value)


def _colors(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MOST_COLORS or not all(map(_is_color, value)):
        raise _wrong("colors", f"at most {MOST_COLORS} colors like #08306b are expected")
    return value


def _classes(value: Any) -> list[list[str]]:
    if value is None:
        return []
    fits = isinstance(value, list) and len(value) <= MOST_COLORS
    if not fits or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise _wrong("classes", f"at most {MOST_COLORS} pairs of color and label are expected")
    if not all(_is_color(color) and isinstance(label, str) for color, label in value):
        raise _wrong("classes", f"at most {MOST_COLORS} pairs of color and label are expected")
    return [[color, without_hidden(label)[:100]] for color, label in value]


def _bbox(value: Any) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
        raise _wrong("bbox", "four finite numbers are expected")
    return [float(limit) for limit in value]


def _is_color(value: Any) -> bool:
    return isinstance(value, str) and _COLOR.match(value) is not None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _wrong(field: str, expected: str) -> Refused:
    return Refused(expected, field=f"quicklook.{field}".rstrip("."))
