"""The cube of a finished job: whether it is there, where it lies, and what is known of it.

cube = find_cube(job)
cube.format, cube.description, cube.local_path
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hubsite.refusals import Kind, Refused

from ..lifecycle import status_of
from ..models import CubeRecord, Job, JobDocument, State, levels_data_id
from ..request.accessors import format_of
from ..stores.catalogue import load_catalogue
from ..stores.location import endpoint_url, location
from ..stores.store import Store
from ..stores.stores_file import StoresFileError
from .successors import refuse_if_replaced

WGS84_NAMES = ("WGS84", "EPSG:4326", "CRS84", "OGC:CRS84")


@dataclass(frozen=True)
class Cube:
    """A cube that a job has made. `store` is None if it lies in a store of its owner's own."""

    job: Job
    store: Store | None

    @property
    def name(self) -> str:
        return self.job.output_data_id

    @property
    def levels_name(self) -> str:
        """The data id of the pyramid beside the cube; "" if it has none."""
        return levels_data_id(self.job)

    @property
    def format(self) -> str:
        """`zarr`, `levels` or `netcdf`."""
        return format_of(self.name) or "zarr"

    @cached_property
    def _document(self) -> JobDocument:
        if Job.document.is_cached(self.job):  # type: ignore[attr-defined]
            return self.job.document or JobDocument(request={}, estimate={})
        rows = JobDocument.objects.only("request", "estimate")
        return rows.filter(pk=self.job.pk).first() or JobDocument(request={}, estimate={})

    @cached_property
    def _given(self) -> dict[str, Any]:
        """{"store_id", "store_params"} of the store; its credentials may be among them."""
        if self.store is not None:
            return self.store.for_user(self.job.owner.username)
        output = (self._document.request or {}).get("output_config") or {}
        params = output.get("store_params")
        return {
            "store_id": str(output.get("store_id") or ""),
            "store_params": params if isinstance(params, dict) else {},
        }

    @property
    def store_type(self) -> str:
        """`file`, `s3`, …"""
        return self._given["store_id"]

    @property
    def root(self) -> str:
        """Bucket and prefix, or the address; of a folder of the hub's machine only in the hub."""
        return str(self._given["store_params"].get("root") or "")

    @property
    def endpoint(self) -> str | None:
        """The address of an s3 service that is not Amazon's; None otherwise."""
        url = endpoint_url(self._given["store_params"])
        return str(url) if url else None

    @property
    def needs_keys(self) -> bool:
        """Whether keys are needed to read the store, as far as the hub knows."""
        return not _options(self._given["store_params"]).get("anon")

    def url(self, data_id: str) -> str | None:
        """Where `data_id` lies, without any secret; None if its store has no public addresses."""
        if self.store_type == "s3" and self.root:
            return f"s3://{self.root.removeprefix('s3://').strip('/')}/{data_id}"
        if self.store_type == "https" and self.root:
            return f"https://{self.root.removeprefix('https://').strip('/')}/{data_id}"
        return None

    @property
    def local_path(self) -> Path | None:
        """The cube's path if this process sees the folder of its store; links are not resolved."""
        if self.store is None or self.store_type != "file":
            return None
        if not Path(str(self.store.store_params.get("root") or "")).is_dir():
            return None  # as in a cluster, where only runs see it
        return Path(self.root, self.name.lstrip("/"))

    @cached_property
    def record(self) -> CubeRecord | None:
        """What its run recorded; None for cubes of earlier versions of the hub."""
        return getattr(self.job, "record", None)

    @cached_property
    def description(self) -> dict[str, Any]:
        """What its run found out; else what the estimate said, in the same shape; else {}."""
        if self.record is not None and self.record.description:
            return self.record.description
        return _by_estimate(self._document.estimate)

    @property
    def footprint(self) -> dict[str, Any] | None:
        """{"bbox", "geometry"} in WGS84, if it is known."""
        return self.record.footprint if self.record is not None else None

    @property
    def files(self) -> dict[str, Any] | None:
        return self.record.files if self.record is not None else None


def find_cube(job: Job) -> Cube:
    """The cube of this job. Raises Refused that says why there is none, or none any more.

    The hub sees what its own jobs do, and files on its own machine. That someone removed a cube
    from a bucket it learns only when it is read.
    """
    _refuse_without_result(job)
    refuse_if_replaced(job)
    return placed(job)


def placed(job: Job) -> Cube:
    """The same of a job that has a cube which no later job replaced; asks no database."""
    if not job.output_store.startswith("@"):
        return Cube(job, None)
    try:
        store = load_catalogue().get(job.output_store[1:])
    except StoresFileError:
        raise Refused(
            "The hub's list of data stores cannot be read now.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=30,
        ) from None
    if store is None:
        raise _gone(f"The store {job.output_store} of the cube does not exist any more.")
    cube = Cube(job, store)
    place = location(cube._given, job.output_data_id)
    if hashlib.sha256(place.encode()).hexdigest() != job.output_claim:
        raise _gone(f"The store {job.output_store} is not where it was: the cube is not there.")
    if (path := cube.local_path) is not None and not path.exists():
        raise _gone(f"The cube is not in {job.output_store} any more: it was removed there.")
    return cube


def _refuse_without_result(job: Job) -> None:
    if job.state in (State.FAILED, State.CANCELLED):
        raise Refused(f"The job has no result: it is {job.state}.", kind=Kind.NOT_FOUND)
    if job.state != State.SUCCEEDED:
        raise Refused(f"The job has no result yet: it is {job.state}.", kind=Kind.CONFLICT)
    if status_of(job.result) == "warning":
        raise Refused("The job has no result: it wrote nothing.", kind=Kind.NOT_FOUND)


def _gone(message: str) -> Refused:
    return Refused(message, kind=Kind.GONE)


def _options(params: dict[str, Any]) -> dict[str, Any]:
    options = params.get("storage_options")
    return options if isinstance(options, dict) else {}


def _by_estimate(estimate: Any) -> dict[str, Any]:
    """What an estimate said, in the shape of a description. It was made by the hub itself."""
    told = (estimate or {}).get("dataset_descriptor")
    if not isinstance(told, dict):
        return {}
    days = told.get("time_range") or []
    dims = told.get("dims") or {}
    return {
        "crs": "EPSG:4326" if told.get("crs") in WGS84_NAMES else told.get("crs"),
        "bbox": told.get("bbox"),
        "time_range": [f"{days[0]}T00:00:00Z", f"{days[1]}T23:59:59Z"]
        if len(days) == 2 and all(days)
        else None,
        "time_steps": dims.get("time"),
        "dims": dims,
        "variables": {
            name: {"dtype": variable.get("dtype"), "dims": variable.get("dims")}
            for name, variable in (told.get("data_vars") or {}).items()
        },
        "spatial_res": told.get("spatial_res"),
        "zarr_format": (estimate or {}).get("zarr_format"),
    }
