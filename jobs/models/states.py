"""States and priorities of a job, and the closed list of reasons why one failed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from hubsite.engines.facts import Reason as EngineReason


class State(models.TextChoices):
    """The state of a job; `lifecycle.py` has the table of allowed steps."""

    QUEUED = "QUEUED", _("Queued")
    LAUNCHED = "LAUNCHED", _("Launched")
    RUNNING = "RUNNING", _("Running")
    SUCCEEDED = "SUCCEEDED", _("Succeeded")
    FAILED = "FAILED", _("Failed")
    CANCELLED = "CANCELLED", _("Cancelled")


ACTIVE_STATES = frozenset({State.QUEUED, State.LAUNCHED, State.RUNNING})
FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Reason(models.TextChoices):
    """Why a job failed: a closed list, because each reason has a remedy and decides the price.

    It has the reasons of the engines, and two for xcube itself.
    """

    OUT_OF_MEMORY = EngineReason.OUT_OF_MEMORY, _("Needed more memory than a run may use")
    DEADLINE = EngineReason.DEADLINE, _("Took longer than a run may take")
    EVICTED = EngineReason.EVICTED, _("Driven off its machine")
    IMAGE = EngineReason.IMAGE, _("The image could not be had")
    UNSCHEDULABLE = EngineReason.UNSCHEDULABLE, _("No machine could take it")
    REJECTED = EngineReason.REJECTED, _("Refused by the engine")
    XCUBE_ERROR = "XCUBE_ERROR", _("xcube could not generate the cube")
    COST = "COST", _("Cost more than allowed")
    LOST = EngineReason.LOST, _("The run vanished")
    LAUNCH = EngineReason.LAUNCH, _("Could not be launched")
    OPERATOR = "OPERATOR", _("Ended by an operator")


class Priority(models.IntegerChoices):
    """What operators may say about a waiting job; the lower comes first."""

    URGENT = 0, _("Urgent: before all that are not")
    NORMAL = 1, _("Normal: users take turns")
    LATER = 2, _("Later: when nothing else waits")
