"""The answer of `GET /cubegens/{id}/result`: where a cube lies and how it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..output import quicklooks
from .cube import Cube
from .snippets import snippets

DIGEST_OF_FILES = (
    "SHA-256 of the list that this prints in the folder of the cube: "
    "find . -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum"
)
DIGEST_OF_A_FILE = "SHA-256 of the file"


@dataclass(frozen=True)
class Links:
    """Addresses of what belongs to a result. A page of shared results has others."""

    result: str
    stac: str
    zip: str
    quicklooks: str
    viewer: str | None = None

    @classmethod
    def of(cls, api: str, job_id: str) -> Links:
        """Those of the API at `api`, without a slash at its end."""
        job = f"{api}/cubegens/{job_id}"
        result = f"{job}/result"
        return cls(
            result=result,
            stac=f"{result}/stac",
            zip=f"{result}/zip",
            quicklooks=f"{job}/quicklooks",
            viewer=f"{job}/viewer",
        )


def result_document(cube: Cube, links: Links) -> dict[str, Any]:
    """What a client may know of the cube. No secret, and no path of the hub's machine."""
    job, files = cube.job, cube.files or {}
    zip_url = links.zip if cube.local_path is not None else None
    return {
        "job_id": job.job_id,
        "store_id": job.output_store,
        "store_type": cube.store_type,
        "data_id": cube.name,
        "format": cube.format,
        "url": cube.url(cube.name),
        "endpoint_url": cube.endpoint if cube.store_type == "s3" else None,
        "needs_keys": cube.store_type == "s3" and cube.needs_keys,
        "levels": _levels(cube),
        "size_bytes": files.get("size_bytes"),
        "file_count": files.get("count"),
        "checksum": _checksum(cube, files),
        "description": cube.description or None,
        "footprint": cube.footprint,
        "open": [
            {"id": each.id, "title": each.title, "code": each.code}
            for each in snippets(cube, zip_url=zip_url)
        ],
        "links": {
            "self": links.result,
            "stac": links.stac,
            "zip": zip_url,
            "viewer": links.viewer,
            "quicklooks": links.quicklooks,
        },
        "quicklooks": [
            {"variable": look.variable, "url": f"{links.quicklooks}/{look.name}.png"}
            for look in quicklooks.of(job)
        ],
    }


def _levels(cube: Cube) -> dict[str, Any] | None:
    if not cube.levels_name:
        return None
    return {"data_id": cube.levels_name, "url": cube.url(cube.levels_name)}


def _checksum(cube: Cube, files: dict[str, Any]) -> dict[str, str] | None:
    if not files.get("sha256"):
        return None
    is_file = cube.format == "netcdf"
    return {
        "algorithm": "sha256",
        "value": files["sha256"],
        "of": DIGEST_OF_A_FILE if is_file else DIGEST_OF_FILES,
    }
