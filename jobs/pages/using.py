"""The part "Use this cube" of a cube's page: where it is, how it is opened, what leads to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from hubsite.refusals import Refused

from ..models import Job, State
from ..results.cube import Cube, find_cube
from ..results.document import Links
from ..results.snippets import Snippet, snippets


@dataclass(frozen=True)
class Use:
    """What the page shows of a cube that is there; `why_not` alone if it is not."""

    why_not: str = ""
    place: str = ""
    files: dict[str, Any] | None = None
    zip_url: str | None = None
    stac_url: str = ""
    catalogue_url: str = ""
    result_url: str = ""
    snippets: tuple[Snippet, ...] = ()


def how_to_use(request: HttpRequest, job: Job) -> Use | None:
    """What to show of the job's cube; None if the job has not made one."""
    if job.state != State.SUCCEEDED:
        return None
    if job.owner_id == request.user.pk:
        job.owner = request.user
    try:
        cube = find_cube(job)
    except Refused as refused:
        return Use(why_not=str(refused))
    api = request.build_absolute_uri(reverse("stac")).removesuffix("/stac")
    links = Links.of(api, job.job_id)
    zip_url = links.zip if cube.local_path is not None else None
    return Use(
        place=_place(cube),
        files=cube.files,
        zip_url=zip_url,
        stac_url=links.stac,
        catalogue_url=f"{api}/stac",
        result_url=links.result,
        snippets=tuple(snippets(cube, zip_url=zip_url)),
    )


def _place(cube: Cube) -> str:
    """Where the cube lies, in words; without paths of the hub's machine."""
    if (url := cube.url(cube.name)) is not None:
        return url
    title = (cube.store.title if cube.store else "") or cube.job.output_store
    return f"{cube.name} in {title}"
