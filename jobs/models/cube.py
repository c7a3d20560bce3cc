"""What a run made: the record of its cube, and small pictures of it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .job import Job


class CubeRecord(models.Model):
    """What a run found out about the cube that it made (jobs/runner/work/made.py).

    Each part is null if the run did not tell it. `jobs/results/recording.py` has checked them.
    """

    job = models.OneToOneField(
        Job, on_delete=models.CASCADE, primary_key=True, related_name="record"
    )
    description = models.JSONField(
        null=True, help_text=_("CRS, bounding box, times, dimensions, variables.")
    )
    footprint = models.JSONField(null=True, help_text=_("{bbox, geometry} in WGS84."))
    files = models.JSONField(null=True, help_text=_("{count, size_bytes, sha256}."))
    recorded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"the cube of {self.job_id}"


class QuickLook(models.Model):
    """A small picture of one variable, made by the run at its end (`jobs/output/quicklooks.py`)."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="quicklooks")
    position = models.PositiveSmallIntegerField(
        help_text=_("Place among the job's pictures, from 0.")
    )
    name = models.CharField(max_length=100, help_text=_("Name in the address of the picture."))
    variable = models.CharField(max_length=200)
    title = models.CharField(max_length=200, blank=True)
    units = models.CharField(max_length=100, blank=True)
    png = models.BinaryField(
        null=True, help_text=_("The picture; null: there is none, see the note.")
    )
    digest = models.CharField(max_length=64, blank=True, help_text=_("SHA-256 of the picture."))
    width = models.PositiveSmallIntegerField(default=0)
    height = models.PositiveSmallIntegerField(default=0)
    time = models.CharField(max_length=40, blank=True, help_text=_("The time step shown, in UTC."))
    at = models.JSONField(
        default=dict, help_text=_("The place shown in other dimensions, by name.")
    )
    vmin = models.FloatField(null=True, help_text=_("The value that has the first color."))
    vmax = models.FloatField(null=True, help_text=_("The value that has the last color."))
    colors = models.JSONField(default=list, help_text=_("Colors from vmin to vmax, as #rrggbb."))
    classes = models.JSONField(default=list, help_text=_("Instead of a range: [color, label], …"))
    bbox = models.JSONField(null=True, help_text=_("The area shown: x1, y1, x2, y2 of the cube."))
    note = models.CharField(
        max_length=300, blank=True, help_text=_("What a viewer of the picture must know.")
    )
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["job", "position"]
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="one_quicklook_per_position"),
            models.UniqueConstraint(fields=["job", "name"], name="one_quicklook_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.variable} of {self.job_id}"
