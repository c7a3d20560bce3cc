"""A user's cubes as a static STAC catalogue: years' months, and pages of items.

A client follows the links: root, month, page (if a month has many cubes), item. So no answer is
long, however many cubes a user has, and every client that knows STAC catalogues can read it.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from accounts.sharing import giving
from hubsite.refusals import Kind, Refused

from ..models import Job, JobMonth, State
from .cube import placed
from .rights import RESULT
from .stac import ITEM, JSON, VERSION

ON_A_PAGE = 100
CORE = "https://api.stacspec.org/v1.0.0/core"
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
MOST_MONTHS = 1200


SHARED = "shared"


def listed(user: Any) -> QuerySet[Job]:
    """Jobs of this user whose cubes have a place in the catalogue: made, and not deleted."""
    return _made(Job.objects.owned_by(user))


def shared_with(user: Any) -> QuerySet[Job]:
    """The same of jobs whose results others share with this user."""
    shares = giving.shared_with(user).filter(kind=RESULT).order_by()
    jobs = Job.objects.filter(job_id__in=shares.values("subject"))
    return _made(jobs).select_related("owner")


def _made(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Index `job_owner_cubes` has these, in this order: a catalogue's parts are cut from it."""
    jobs = jobs.filter(hidden_at=None, state=State.SUCCEEDED, finished_at__isnull=False)
    return jobs.order_by("finished_at", "pk")


def _with_cubes(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Those of a few jobs that really made a cube, which no later job replaced."""
    later = Job.objects.filter(
        Q(state=State.SUCCEEDED) | Q(is_live=True) | Q(usage__written_cells__gt=0),
        output_claim=OuterRef("output_claim"),
        pk__gt=OuterRef("pk"),
        started_at__isnull=False,
    )
    return jobs.exclude(result__status="warning").filter(~Exists(later))


def root(user: Any, api: str) -> dict[str, Any]:
    """The catalogue of all cubes of this user; `api` is the API's address. Three queries."""
    children = [
        _link("child", f"{api}/stac/{first:%Y-%m}", _words(first)) for first in _months(user)
    ]
    if shared_with(user).exists():
        children.append(_link("child", f"{api}/stac/{SHARED}", "Shared with you"))
    described = {"rel": "service-desc", "href": f"{api}/openapi.json", "type": OPENAPI}
    catalogue = _catalogue(
        "cubes", "Your cubes", "The cubes that you have generated, by month.", f"{api}/stac",
        links=[described, *children], api=api,
    )  # fmt: skip
    # So that clients do not warn that they know nothing of this server. There is no search.
    return {**catalogue, "conformsTo": [CORE]}


def _months(user: Any) -> list[date]:
    """The months with cubes that are not deleted, the newest first. One query.

    `JobMonth` says in which months there were any. For each month the query finds the first job
    that ended after its begin. If that job ended in a later month, this month has none any more.
    """
    since = listed(user).filter(finished_at__gte=OuterRef("month"))
    rows = JobMonth.objects.filter(owner=user, succeeded__gt=0).order_by("-month")
    found = rows.values_list("month").distinct()[:MOST_MONTHS]
    firsts = found.annotate(first=Subquery(since.values("finished_at")[:1]))
    return [
        month
        for month, first in firsts
        if first is not None and first.astimezone(UTC).date().replace(day=1) == month
    ]


def month(user: Any, api: str, year_and_month: str, page: int | None = None) -> dict[str, Any]:
    """The cubes of one month, or one page of them, oldest first.

    Raises Refused if there is no such month or page. A month with few cubes has no pages.
    """
    first, last = _limits(year_and_month)
    jobs = listed(user).filter(finished_at__gte=first, finished_at__lt=last)
    if page is None and not jobs.exists():
        raise _no_such_part()
    return _part(jobs, user, api, year_and_month, _words(first), page)


def shared(user: Any, api: str, page: int | None = None) -> dict[str, Any]:
    """The cubes that others share with this user, as `month` gives those of a month."""
    return _part(shared_with(user), user, api, SHARED, "Shared with you", page)


def _part(
    jobs: QuerySet[Job], user: Any, api: str, name: str, title: str, page: int | None
) -> dict[str, Any]:
    """A catalogue of these jobs' cubes, or of its pages if they are many, or one page.

    Every page has a fixed number of jobs. If a cube is replaced later, its page has one item
    less, and all other items stay on their pages.
    """
    address, total = f"{api}/stac/{name}", jobs.count()
    if page is None and total > ON_A_PAGE:
        pages = -(-total // ON_A_PAGE)
        links = [
            _link("child", f"{address}/{number}", f"{title}, part {number} of {pages}")
            for number in range(1, pages + 1)
        ]
    else:
        start = ((page or 1) - 1) * ON_A_PAGE
        if page is not None and not 0 <= start < total:
            raise _no_such_part()
        part = jobs.values("pk")[start : start + ON_A_PAGE]
        links = _items(_with_cubes(jobs.filter(pk__in=part)), user, api)
    if page is None:
        return _catalogue(
            name, title, f"Cubes: {title}.", address, links=links, api=api, parent=f"{api}/stac"
        )
    return _catalogue(
        f"{name}-{page}", f"{title}, part {page}", f"Cubes: {title}, {ON_A_PAGE} to a part.",
        f"{address}/{page}", links=links, api=api, parent=address,
    )  # fmt: skip


def _no_such_part() -> Refused:
    return Refused("There are no cubes of this month, or not so many.", kind=Kind.NOT_FOUND)


def parent_of(job: Job, user: Any, api: str) -> str:
    """The address of the catalogue in which this user finds the job's item."""
    return f"{api}/stac/{month_of(job) if job.owner_id == user.pk else SHARED}"


def month_of(job: Job) -> str:
    """The month in whose catalogue the job's item is."""
    return f"{job.finished_at.astimezone(UTC):%Y-%m}"


def _items(jobs: QuerySet[Job], user: Any, api: str) -> list[dict[str, str]]:
    """Links to those that are still there, as far as that can be seen without asking a store."""
    links = []
    for job in jobs.defer("progress"):
        if job.owner_id == user.pk:
            job.owner = user
        try:
            placed(job)
        except Refused as refused:
            if refused.kind is not Kind.GONE:
                raise
            continue
        href = f"{api}/cubegens/{job.job_id}/result/stac"
        links.append({**_link("item", href, job.output_data_id), "type": ITEM})
    return links


def _catalogue(
    name: str,
    title: str,
    description: str,
    address: str,
    *,
    links: Sequence[dict[str, str]],
    api: str,
    parent: str = "",
) -> dict[str, Any]:
    about = [_link("self", address), _link("root", f"{api}/stac")]
    if parent:
        about.append(_link("parent", parent))
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": name,
        "title": title,
        "description": description,
        "links": [*about, *links],
    }


def _link(rel: str, href: str, title: str = "") -> dict[str, str]:
    return {"rel": rel, "href": href, "type": JSON, **({"title": title} if title else {})}


def _limits(year_and_month: str) -> tuple[datetime, datetime]:
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})", year_and_month)
    year, month_number = (int(part) for part in found.groups()) if found else (0, 0)
    if not (1970 <= year < 9999 and 1 <= month_number <= 12):
        raise Refused("There is no such month.", kind=Kind.NOT_FOUND)
    following = (year, month_number + 1) if month_number < 12 else (year + 1, 1)
    return datetime(year, month_number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def _words(month_start: date) -> str:
    return f"{calendar.month_name[month_start.month]} {month_start.year}"
