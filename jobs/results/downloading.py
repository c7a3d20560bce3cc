"""A cube as a download: may it be packed now, and which part of the zip is asked for?"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from hubsite.api.errors import ApiError
from hubsite.refusals import Kind, Refused
from hubsite.web.downloads import Download, WhileAllowed, take_place
from hubsite.web.waiting import place_to_wait

from .cube import Cube, find_cube
from .successors import refuse_if_claimed
from .zipping import Zip

_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")


def download(
    cube: Cube,
    *,
    who: str,
    range_header: str = "",
    if_range: str = "",
    outbox: Any = None,
    may_go_on: Callable[[], bool],
) -> HttpResponseBase:
    """The cube as a zip, or the part of it that `range_header` asks for.

    `who`: whose download it is, for the limit of those that are open. `outbox`: the server's end
    of the connection, if it is the hub's own server. `may_go_on` is asked every few seconds, and
    the download is cut off when the answer is no. Raises Refused.
    """
    if cube.local_path is None:
        raise Refused(
            "This hub packs only cubes that lie on its own machine. The result says where this "
            "one is, and how it is opened there.",
            kind=Kind.CONFLICT,
        )
    refuse_if_claimed(cube.job)
    place = take_place(who)
    try:
        with place_to_wait(who):
            packed = Zip(*_folder_and_name(cube), place)
    except BaseException:
        place.give_back()
        raise
    try:
        # A job that came in while the files were listed may have changed some of them since.
        refuse_if_claimed(cube.job)
        find_cube(cube.job)
        return _answer(packed, cube, range_header, if_range, outbox, may_go_on)
    except BaseException:
        packed.end()
        raise


def _folder_and_name(cube: Cube) -> tuple[str, str]:
    """The store's own root, and the way from there: a user's folder is part of that way."""
    root = str(cube.store.store_params.get("root") or "")
    return root, f"{os.path.relpath(cube.root, root)}/{cube.name}"


def _answer(
    packed: Zip,
    cube: Cube,
    range_header: str,
    if_range: str,
    outbox: Any,
    may_go_on: Callable[[], bool],
) -> HttpResponseBase:
    first, last, status = 0, packed.length - 1, 200
    asked = _RANGE.fullmatch(range_header.strip())
    if asked is not None and if_range in ("", packed.etag):
        first, status = int(asked[1]), 206
        upto = int(asked[2] or last)
        if first >= packed.length or upto < first:
            raise past_the_end(packed.length)
        if upto < last:  # a server may answer more than is asked for, and no one asks for less
            first, status = 0, 200
    if first:
        packed.start_at(first)
    source = WhileAllowed(packed, may_go_on)
    response = Download(source, outbox, status=status, content_type="application/zip")
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{packed.length}"
    response["Content-Length"] = str(packed.length - first)
    response["Content-Disposition"] = content_disposition_header(
        True, f"{cube.name.rpartition('/')[2]}.zip"
    )
    response["ETag"] = packed.etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Accel-Buffering"] = "no"  # nginx would keep a gigabyte of it in a file
    return response


def past_the_end(length: int) -> ApiError:
    """416 (RFC 9110): there is no such part."""
    return ApiError(
        f"The zip has {length} bytes, and no such part.",
        status=416,
        headers={"Content-Range": f"bytes */{length}"},
    )
