"""Models of cube generation: jobs and what belongs to them, predictions, listings of stores."""

from .cube import CubeRecord, QuickLook
from .events import JobEvent, JobLog
from .job import XCUBE_GEN, Job, JobQuerySet, levels_data_id, new_job_id
from .operators import DealtWith, EngineLook, Rerun
from .prediction import LearntDuration, LearntUntil, OpenPrediction, PredictionErrors, QueueForecast
from .states import ACTIVE_STATES, FINAL_STATES, Priority, Reason, State
from .stores import StoreDescription, StoreListing, StoreListingPart
from .submission import IdempotencyKey, JobDocument
from .totals import JobHour, JobMonth

__all__ = [
    "ACTIVE_STATES",
    "FINAL_STATES",
    "XCUBE_GEN",
    "CubeRecord",
    "DealtWith",
    "EngineLook",
    "IdempotencyKey",
    "Job",
    "JobDocument",
    "JobEvent",
    "JobHour",
    "JobLog",
    "JobMonth",
    "JobQuerySet",
    "LearntDuration",
    "LearntUntil",
    "OpenPrediction",
    "PredictionErrors",
    "Priority",
    "QueueForecast",
    "QuickLook",
    "Reason",
    "Rerun",
    "State",
    "StoreDescription",
    "StoreListing",
    "StoreListingPart",
    "levels_data_id",
    "new_job_id",
]
