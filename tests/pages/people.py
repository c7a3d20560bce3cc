"""People and what they have, as pages show it: a full and tidy account, and a hostile one."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts.models import User, Webhook, WebhookDelivery
from accounts.notices.telling import tell
from accounts.notices.webhooks import targets
from accounts.sharing import giving, kinds, openings
from accounts.sharing.giving import Wish
from hubsite.engines.facts import LogChunk
from jobs.models import Job, JobDocument, JobEvent, Reason
from jobs.models import State as JobState
from jobs.output import quicklooks
from jobs.results import recording
from jobs.running import logs
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from services.models import (
    InstanceEvent,
    Layer,
    LayerReason,
    LayerState,
    ServiceInstance,
    StrayLayer,
)
from services.models import Reason as WhyOver
from services.models import State as ServiceState
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.jobs.pictures import VIRIDIS, looked, map_png
from tests.jobs.results.cubes import MADE
from tests.services import sharing
from tests.services.factories import make_instance, make_profile

LONG = "chlorophyll-and-sea-surface-temperature-of-the-whole-north-atlantic-" * 3
HOSTILE = (
    "<script>alert(1)</script>" + "x" * 60,
    "W" * 180,
    "\u0645\u0643\u0639\u0628 \u0628\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "{{ 7 * 7 }} {% url 'x' %}",
    "'\"><img src=x onerror=alert(1)>",
    "\u6d77\u9762\u6e29\u5ea6" * 30,
)
CUBES = (
    ("north-sea-chlorophyll-2026", JobState.RUNNING, {}),
    ("german-bight-turbidity", JobState.LAUNCHED, {}),
    ("baltic-ice-cover-daily", JobState.QUEUED, {}),
    ("black-sea-sst-2025", JobState.SUCCEEDED, {}),
    ("wadden-sea-suspended-matter", JobState.SUCCEEDED, {}),
    (
        "mediterranean-salinity-full-depth",
        JobState.FAILED,
        {
            "reason": Reason.OUT_OF_MEMORY,
            "message": "The run needed 16.2 GB of memory; 16 GB are allowed.",
        },
    ),
    ("gulf-of-finland-nutrients", JobState.CANCELLED, {}),
    ("lake-constance-temperature", JobState.SUCCEEDED, {}),
)
QUALITY = ("good", "cloud", "ice", "land and coast")
LOG = (
    "Opening cube from data store",
    "Reading north-sea.zarr: 214 of 365 days lie in the time range",
    "Writing 4 variables, 2 048 x 1 024 pixels, chunks of 1 x 512 x 512",
    "Compressed 1.9 GB to 640 MB",
)
ESTIMATE = {
    "size_estimation": {"num_bytes": 7_180_000_000},
    "dataset_descriptor": {
        "dims": {"time": 214, "lat": 1024, "lon": 2048},
        "data_vars": {"chlorophyll": {}, "sst": {}, "turbidity": {}, "quality_flags": {}},
    },
}


def make_ann() -> User:
    """A person in the middle of things: cubes in all states, services, units."""
    ann = make_user(
        "ann.larsen@ocean.example.org",
        permissions=["read:cubegens", "manage:cubegens"],
        units=2500,
        first_name="Ann",
        last_name="Larsen",
    )
    for number, (name, state, fields) in enumerate(reversed(CUBES)):
        job = _cube(ann, f"{name}.zarr", state, hours=5 * (len(CUBES) - number), **fields)
        if state == JobState.SUCCEEDED:
            _is_there(job)
    for state, title, fields in (
        (ServiceState.READY, "My cubes", {"units_per_hour": 6, "last_used_by": "a tile request"}),
        (ServiceState.ASLEEP, "North Sea for the workshop", {"last_used_by": "the viewer"}),
        (ServiceState.FAILED, "Salinity at depth", {"reason": WhyOver.OUT_OF_MEMORY}),
    ):
        _service(ann, title, state, **fields)
    _tell_ann(ann)
    return ann


def share_all(owner: User, friend: User) -> list[tuple[str, str]]:
    """Share the owner's services and finished cubes; the pages of both sides, by name."""
    pages = []
    for row in ServiceInstance.objects.filter(owner=owner, state=ServiceState.READY):
        share = sharing.share_with(row, friend, by=owner, action="stop")
        sharing.make_link(row, by=owner)
        pages.append(("shared-service", reverse("shared", args=[str(share.pk)])))
    cubes = Job.objects.filter(owner=owner, state=JobState.SUCCEEDED)
    cubes.update(finished_at=timezone.now())  # as if their pictures had just come
    for job in cubes.order_by("pk")[:1]:
        for number, look in enumerate(("sst", "chl", "turbidity_of_the_sea")):
            quicklooks.keep(job, quicklooks.parse(looked(look, number)))
        wish = Wish(kinds.kind_of("result"), job.job_id, owner)
        share = giving.share_with_person(wish, friend.email)
        giving.share_with_person(wish, "somebody-who-has-no-account@example.org")
        pages.append((f"shared-result-{job.pk}", reverse("shared", args=[str(share.pk)])))
        for n in range(3):
            openings.note_opening(share, make_user() if n else friend)
    return pages


def make_mallory(friend: User) -> User:
    """Long and hostile texts wherever a person or a store can put some."""
    mallory = make_user(
        f"{'m' * 50}.{'longname' * 5}@{'sub-domain.' * 6}example.org",
        permissions=["read:cubegens", "manage:cubegens"],
        units=10**9,
        first_name=HOSTILE[4][:30],
        last_name="L" * 100,
    )
    for text in HOSTILE:
        tell(mallory, "job.failed", text, text, text * 5, path="/cubes/")
    targets.make(mallory, name=HOSTILE[1][:100], url="https://example.org/" + "x" * 400, wanted=[])
    states = list(JobState)
    for number in range(30):
        text = HOSTILE[number % len(HOSTILE)]
        _cube(
            mallory,
            (LONG if number % 7 == 0 else text) + ".zarr",
            states[number % len(states)],
            hours=number,
            message=f"{text} {text}",
            reason=Reason.XCUBE_ERROR if states[number % len(states)] == JobState.FAILED else "",
            units=10 ** (number % 7),
            output_store="@" + "long_store_name_" * 6 if number % 3 else "@cubes",
            label=text,
        )
    make_profile("huge", title="W" * 100, units_per_hour=10**6)
    for number, state in enumerate(ServiceState):
        text = HOSTILE[number % len(HOSTILE)]
        row = _service(
            mallory,
            text[:200],
            state,
            profile=make_profile("huge", title="W" * 100),
            message=f"{text} {text}",
            last_used_by=text[:60],
            broken={text: text * 2, LONG: "it is gone"},
            log="\n".join([text * 4, LONG]),
        )
        if state == ServiceState.READY:
            sharing.share_with(row, friend, by=mallory)
    return mallory


def _tell_ann(ann: User) -> None:
    """Notices, one of them read, a webhook that works and one that fails."""
    for kind, title, text in (
        ("job.succeeded", "black-sea-sst-2025.zarr is ready", ""),
        (
            "job.failed",
            "mediterranean-salinity-full-depth.zarr could not be generated",
            "Needed more memory than a run may use. The run needed 16.2 GB of memory.",
        ),
        ("service.stops", "My cubes will be stopped soon", "It will be stopped at 18:00 UTC."),
        ("units.low", "Few processing units are left", "You have 88 processing units left."),
    ):
        tell(ann, kind, title, title, text, path="/cubes/", is_own_doing=kind == "job.succeeded")
    for name, columns in (
        ("My notebook", {}),
        ("Lab's chat", {"failures": 3, "failing_since": timezone.now()}),
        ("Old server", {"off_at": timezone.now(), "off_reason": "It failed for a day: no answer"}),
    ):
        url = f"https://hooks.example.org/{name.split()[0].lower()}"
        webhook, _ = targets.make(ann, name=name, url=url, wanted=["job.failed"])
        Webhook.objects.filter(pk=webhook.pk).update(
            rests_until=timezone.now() + timedelta(minutes=2), **columns
        )
        for notice, fields in zip(
            ann.notices.all(),
            (
                {"state": "delivered", "status": 204, "attempts": 1},
                {"state": "failing", "status": 503, "error": "answered 503; 2xx is expected"},
                {"state": "given_up", "attempts": 14, "error": "no answer within 10 s"},
            ),
            strict=False,
        ):
            WebhookDelivery.objects.create(
                webhook=webhook, notice=notice, tried_at=timezone.now(), **fields
            )


def _cube(owner: User, name: str, state: str, *, hours: float, label: str = "", **fields: Any):
    begun = timezone.now() - timedelta(hours=hours)
    is_over = state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
    has_run = is_over or state == JobState.RUNNING
    job = make_job(
        owner,
        **{
            "units": 118,
            "state": state,
            "output_data_id": name[:512],
            "created_at": begun,
            "started_at": begun + timedelta(minutes=2) if has_run else None,
            "finished_at": begun + timedelta(minutes=49) if is_over else None,
            "progress": {"state": {"progress": 0.63, "label": label or "Writing the cube"}},
            "usage": {"peak_memory_bytes": 3_400_000_000} if has_run else {},
            **fields,
        },
    )
    JobDocument.objects.filter(job=job).update(estimate=ESTIMATE)
    JobEvent.objects.filter(job=job).update(at=begun)
    for number, to_state in enumerate((JobState.LAUNCHED, JobState.RUNNING) if has_run else ()):
        at = begun + timedelta(minutes=1 + number)
        JobEvent.objects.create(job=job, to_state=to_state, at=at, actor="hub")
    if is_over:
        at = begun + timedelta(minutes=49)
        JobEvent.objects.create(
            job=job, to_state=state, at=at, actor="hub", message=fields.get("message", "")
        )
    if has_run:
        logs.append(job.pk, [LogChunk(0, [*LOG, *([label * 5] if label else [])])])
    if state == JobState.SUCCEEDED and "lake" not in name:
        _pictures(job, label[:300])
    return job


MAP = base64.b64encode(map_png()).decode()


def _pictures(job: Job, text: str = "") -> None:
    """As the run reports them: a map, classes, and a variable without a picture."""
    sea = {"title": text or "Sea surface temperature", "colors": VIRIDIS, "png": MAP}
    classes = [[color, text or label] for color, label in zip(VIRIDIS[::2], QUALITY, strict=True)]
    looks = [
        looked("sst", 0, **sea, note=text),
        looked(text or "quality_flags", 1, title=text, png=MAP, classes=classes, vmin=None),
        looked("salinity", 2, title=text, png=None, note="No data was found in the 4 time steps."),
    ]
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now())
    for look in looks:
        assert quicklooks.keep(job, quicklooks.parse(look))
    Job.objects.filter(pk=job.pk).update(finished_at=job.finished_at)


def _service(owner: User, title: str, state: str, **fields: Any) -> ServiceInstance:
    row = make_instance(
        owner,
        title=title,
        state=state,
        last_used_at=timezone.now() - timedelta(minutes=3),
        **fields,
    )
    if state not in (ServiceState.REQUESTED, ServiceState.STARTING):
        message = fields.get("message", "")
        InstanceEvent.objects.create(instance=row, to_state=state, actor="hub", message=message)
    return row


def make_layers(owner: User) -> None:
    """Layers of each state in a GeoServer, and some that have no row; long names among them."""
    role = "geodb_5f0e1c2d-9d4f-4a86-b1a7-0c3de1f5a9b2"
    for state in LayerState:
        name = f"land_{state.lower()}"
        Layer.objects.create(
            owner=owner,
            workspace=role,
            database="land",
            collection=state.lower(),
            name=name,
            layer_state=state,
            since=timezone.now() - timedelta(hours=3),
            **_failure(role, name) if state == LayerState.FAILED else {},
        )
    for number, name in enumerate(("land_roads", "w" * 63)):
        StrayLayer.objects.create(workspace=role, name=name, store="land" if number == 0 else "")


def _failure(role: str, name: str) -> dict[str, Any]:
    error = f"GeoServer answers 400 to POST /rest/workspaces/{role}/datastores/land/{name}"
    return {"reason": LayerReason.REFUSED, "state": Layer.DELIVERED, "error": error}


def make_operator() -> User:
    return make_user(
        "operator@hub.example.org",
        permissions=["operate:hub"],
        is_staff=True,
        is_superuser=True,
    )


def _is_there(job: Job) -> None:
    """Let the job's cube be in its store, and its run have told about it."""
    place = load_catalogue().get("cubes").for_user(job.owner.username)
    Path(place["store_params"]["root"], job.output_data_id).mkdir(parents=True, exist_ok=True)
    claim = hashlib.sha256(location(place, job.output_data_id).encode()).hexdigest()
    Job.objects.filter(pk=job.pk).update(output_claim=claim)
    recording.keep(job, MADE)


def cube_of_each_state(user: User) -> list[Job]:
    return [
        Job.objects.filter(owner=user, state=state).order_by("-pk").first() for state in JobState
    ]
