"""Delivery to many targets side by side: one that hangs or refuses delays no other.

`delivery.py` sends the rows of one other system. Here each row belongs to a target of its own,
such as an address that a user gave. A target that fails rests, longer each time, with all its
rows; a success ends that.
"""

from __future__ import annotations

from django.db import models


class Target(models.Model):
    """Base class: where rows of a delivery are sent, and whether that works."""

    failures = models.PositiveIntegerField(default=0, help_text="Tries that failed in a row.")
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="When the first of these failed."
    )
    rests_until = models.DateTimeField(
        null=True, blank=True, help_text="Nothing is sent before; or it is being tried."
    )
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
