"""Python that opens a cube: with xcube, xarray or zarr. Each piece runs as it is.

Keys are in none of them. Of a bucket that is not public, s3fs finds them where Amazon's tools
do (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile). What lies on the hub's machine is
downloaded first, with a token in HUB_TOKEN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .cube import Cube

DOWNLOAD = "download"
KEYS = "# The bucket's keys: in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, if it is not public.\n"


@dataclass(frozen=True)
class Snippet:
    """`title` says what is opened with what; `code` leaves it in the variable `cube`."""

    id: str
    title: str
    code: str


def snippets(cube: Cube, *, zip_url: str | None = None) -> list[Snippet]:
    """The ways to open the cube, the most convenient first. `zip_url`: where it is downloaded."""
    if cube.local_path is not None or cube.store_type == "file":
        return _of_a_download(cube, zip_url) if zip_url else []
    return _of_a_store(cube)


def _of_a_download(cube: Cube, zip_url: str) -> list[Snippet]:
    name = cube.name.rpartition("/")[2]
    download = (
        "import os, shutil, urllib.request\n\n"
        '# A token of yours with the scope "manage:cubegens" is in HUB_TOKEN.\n'
        f"request = urllib.request.Request({zip_url!r})\n"
        'request.add_header("Authorization", "Bearer " + os.environ["HUB_TOKEN"])\n'
        'with urllib.request.urlopen(request) as answer, open("cube.zip", "wb") as file:\n'
        "    shutil.copyfileobj(answer, file)\n"
        'shutil.unpack_archive("cube.zip")'
    )
    return [
        Snippet(DOWNLOAD, "Download", download),
        Snippet(
            "xcube",
            "With xcube, after the download",
            "from xcube.core.store import new_data_store\n\n"
            'store = new_data_store("file", root=".")\n' + _opened_by_xcube(cube, name),
        ),
        *_plain(cube, name, "after the download", {}),
    ]


def _of_a_store(cube: Cube) -> list[Snippet]:
    options: dict[str, Any] = {}
    if cube.store_type == "s3":
        if not cube.needs_keys:
            options["anon"] = True
        if cube.endpoint:
            options["endpoint_url"] = cube.endpoint
    hint = KEYS if cube.store_type == "s3" and cube.needs_keys else ""
    given = f", storage_options={options!r}" if options else ""
    with_xcube = (
        "from xcube.core.store import new_data_store\n\n"
        f"{hint}store = new_data_store({cube.store_type!r}, root={cube.root!r}{given})\n"
        + _opened_by_xcube(cube, cube.name)
    )
    found = [Snippet("xcube", "With xcube", with_xcube)]
    if cube.levels_name:
        found.append(
            Snippet(
                "pyramid",
                "The pyramid, with xcube",
                "from xcube.core.store import new_data_store\n\n"
                f"{hint}store = new_data_store({cube.store_type!r}, root={cube.root!r}{given})\n"
                f"pyramid = store.open_data({cube.levels_name!r})\n"
                "cube = pyramid.get_dataset(pyramid.num_levels - 1)  # the smallest images",
            )
        )
    url = cube.url(cube.name)
    if url is None or cube.format == "netcdf":
        return found
    return found + _plain(cube, url, "", options, hint)


def _opened_by_xcube(cube: Cube, name: str) -> str:
    if cube.format == "levels":
        return f"pyramid = store.open_data({name!r})\ncube = pyramid.get_dataset(0)"
    return f"cube = store.open_data({name!r})"


def _plain(
    cube: Cube, place: str, when: str, options: dict[str, Any], hint: str = ""
) -> list[Snippet]:
    """With xarray and zarr, which know no stores but paths and addresses."""
    given = f", storage_options={options!r}" if options else ""
    if cube.format == "netcdf":
        code = f"import xarray as xr\n\ncube = xr.open_dataset({place!r})"
        return [Snippet("xarray", f"With xarray, {when}" if when else "With xarray", code)]
    if cube.format == "levels":
        place = f"{place}/0.zarr"
    return [
        Snippet(
            "xarray",
            f"With xarray, {when}" if when else "With xarray",
            f"import xarray as xr\n\n{hint}cube = xr.open_zarr({place!r}{given})",
        ),
        Snippet(
            "zarr",
            f"With zarr, {when}" if when else "With zarr",
            f'import zarr\n\n{hint}cube = zarr.open_group({place!r}, mode="r"{given})',
        ),
    ]
