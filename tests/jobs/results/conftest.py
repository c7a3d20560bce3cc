"""Stores, and jobs that have made cubes in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.utils import timezone

from jobs.models import Job, JobDocument, State
from jobs.results import recording
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import make_job
from tests.jobs.results.cubes import MADE

SCOPES = ("manage:cubegens",)


@pytest.fixture
def stores(settings, tmp_path) -> Path:
    """The folder of the store `@cubes`; `@bucket` and `@public` are on S3."""
    file, root = tmp_path / "stores.yaml", tmp_path / "cubes"
    file.write_text(
        yaml.safe_dump(
            {
                "cubes": {
                    "title": "Your own cubes",
                    "store_id": "file",
                    "store_params": {"root": str(root)},
                    "per_user": True,
                },
                "bucket": {
                    "store_id": "s3",
                    "store_params": {
                        "root": "cubes/of",
                        "storage_options": {
                            "key": "HIDDENKEY",
                            "secret": "HIDDENKEY",
                            "endpoint_url": "https://s3.example.org:9000",
                        },
                    },
                    "per_user": True,
                },
                "public": {
                    "store_id": "s3",
                    "store_params": {"root": "open", "storage_options": {"anon": True}},
                },
                "azure": {
                    "store_id": "abfs",
                    "store_params": {
                        "root": "there",
                        "storage_options": {"account_key": "HIDDENKEY"},
                    },
                },
            }
        )
    )
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": str(file)}
    return root


@pytest.fixture
def ada(db, stores):
    return make_user("ada@example.org", permissions=SCOPES)


@pytest.fixture
def ask(client, ada):
    """Ask the API as ada, or as somebody else."""

    def ask(path: str, who: Any = ada, **headers: str) -> Any:
        return client.get(f"/api/v2{path}", headers={**bearer(who), **headers})

    return ask


def claim_of(owner: Any, store: str, data_id: str) -> str:
    found = load_catalogue().get(store[1:])
    place = location(found.for_user(owner.username), data_id) if found else f"{store}|{data_id}"
    return hashlib.sha256(place.encode()).hexdigest()


def made(owner: Any, data_id: str = "one.zarr", *, store: str = "@cubes", **fields: Any) -> Job:
    """A job that has made this cube, and told about it unless `tells` is None."""
    tells = fields.pop("tells", MADE)
    request = fields.pop("request", None)
    fields = {
        "state": State.SUCCEEDED,
        "result": {"status": "ok", "result": {"data_id": data_id}},
        "started_at": timezone.now(),
        "finished_at": timezone.now(),
        "output_store": store,
        "output_data_id": data_id,
        "output_claim": claim_of(owner, store, data_id),
        **fields,
    }
    job = make_job(owner, units=0, **fields)
    recording.keep(job, tells)
    if request is not None:
        JobDocument.objects.filter(job=job).update(request=request)
    return job


@pytest.fixture
def put(stores):
    """Put files of a cube into the folder of ada's."""

    def put(owner: Any, data_id: str, files: dict[str, bytes] | None = None) -> Path:
        folder = stores / owner.username / data_id
        for name, content in (files or {".zgroup": b"{}"}).items():
            path = folder / name if name else folder
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    return put


@pytest.fixture
def cube(ada, put) -> SimpleNamespace:
    """ada's cube `one.zarr` in `@cubes`, with its job."""
    folder = put(ada, "one.zarr")
    return SimpleNamespace(job=made(ada), folder=folder)
