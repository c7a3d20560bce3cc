"""Quick-looks on pages: with their legend, and what a reader must know of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext

from hubsite.console.typed_numbers import as_typed

from ..models import Job, QuickLook
from ..output import quicklooks

MIDNIGHT = "T00:00:00Z"


@dataclass(frozen=True)
class Picture:
    """One quick-look for a page; `url` is empty if there is no picture, and `look.note` why."""

    look: QuickLook
    url: str

    @property
    def when(self) -> str:
        day, _, time = self.look.time.removesuffix(MIDNIGHT).partition("T")
        return f"{day} {time.removesuffix('Z').removesuffix(':00')} UTC" if time else day

    @property
    def place(self) -> str:
        """Time and place of what is shown, in words."""
        places = [f"{dim} {at}" for dim, at in self.look.at.items()]
        return ", ".join([self.when, *places] if self.when else places)

    @property
    def limits(self) -> tuple[str, str] | None:
        low, high = self.look.vmin, self.look.vmax
        is_told = self.url and low is not None and high is not None
        return (as_typed(f"{low:.6g}"), as_typed(f"{high:.6g}")) if is_told else None

    @property
    def stops(self) -> list[tuple[str, str]]:
        """Offset and color of the stops of the legend's gradient, if it has one."""
        if self.look.classes or not self.url:
            return []
        last = max(1, len(self.look.colors) - 1)
        return [(f"{n / last:.4f}", color) for n, color in enumerate(self.look.colors)]

    @property
    def alternative(self) -> str:
        """The text in place of the picture."""
        name = self.look.title or self.look.variable
        at = f" ({self.place})" if self.place else ""
        limits = ""
        if self.limits:
            low, high = self.limits
            limits = gettext(", from %(low)s to %(high)s") % {"low": low, "high": high}
            limits = f"{limits} {self.look.units}"
        return f"{name}{at}{limits}".rstrip()


def pictures_of(job: Job, folder: str) -> list[Picture]:
    """All quick-looks of the job; `folder` is the address below which they are."""
    return [_picture(look, folder) for look in quicklooks.all_of(job)]


def thumbnails(jobs: Collection[Job]) -> dict[int, Picture]:
    """By primary key of a job: its first picture. One query for all jobs."""
    folders = {job.pk: folder_of(job) for job in jobs}
    first = quicklooks.first_of(jobs)
    return {pk: _picture(look, folders[pk]) for pk, look in first.items()}


def folder_of(job: Job) -> str:
    """The address below which the owner's pages show the job's pictures."""
    return reverse("cube-picture", args=[job.job_id, "x"]).removesuffix("x.png")


def _picture(look: QuickLook, folder: str) -> Picture:
    return Picture(look, f"{folder}{look.name}.png" if look.width else "")
