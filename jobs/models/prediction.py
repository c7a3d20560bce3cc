"""Tables of predictions: small ones, however many jobs there are."""

from __future__ import annotations

from django.db import models


class LearntDuration(models.Model):
    """How long jobs of one store and size held a place of an engine, the latest ones."""

    engine = models.CharField(max_length=40)
    kind = models.CharField(max_length=220, help_text="Input store and class of size.")
    seconds = models.JSONField(default=list, help_text="The latest durations, newest last.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["engine", "kind"], name="one_learnt_duration_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.engine}"


class LearntUntil(models.Model):
    """The last event of a job that was learnt from. One row."""

    event = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"learnt until event {self.event}"


class QueueForecast(models.Model):
    """What the worker found out about one engine's queue at `made_at`."""

    engine = models.CharField(max_length=40, primary_key=True)
    made_at = models.DateTimeField()
    took_s = models.FloatField(default=0, help_text="Processor time that it took, in seconds.")
    waiting = models.PositiveIntegerField(default=0, help_text="Jobs that wait.")
    gap_s = models.FloatField(default=0, help_text="Mean time between two launches, in seconds.")
    marks = models.BinaryField(default=bytes, help_text="Places and starts (queue_order.Marks).")
    lines = models.BinaryField(default=bytes, help_text="Long lines of one owner (queue_order.py).")
    margins = models.JSONField(
        default=dict, help_text="By how much starts were missed, for each sort of prediction."
    )

    def __str__(self) -> str:
        return f"queue of {self.engine}"


class OpenPrediction(models.Model):
    """A prediction whose job has not started yet; gone when its error is known."""

    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, primary_key=True, related_name="open_prediction"
    )
    is_new = models.BooleanField(help_text="By a forecast that is older than the job.")
    made_at = models.DateTimeField()
    priority = models.PositiveSmallIntegerField(default=1, db_default=1)
    turn = models.PositiveIntegerField()
    low = models.FloatField()
    middle = models.FloatField()
    high = models.FloatField()
    gap_s = models.FloatField()

    def __str__(self) -> str:
        return f"start of {self.job_id}"


class PredictionErrors(models.Model):
    """How far starts were from what was predicted, the latest ones of one sort."""

    engine = models.CharField(max_length=40)
    sort = models.CharField(max_length=40)
    errors = models.JSONField(default=list, help_text="Newest last (errors.Error).")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["engine", "sort"], name="one_row_of_errors_per_sort")
        ]

    def __str__(self) -> str:
        return f"{self.sort} on {self.engine}"
