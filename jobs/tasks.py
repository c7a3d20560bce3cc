"""The worker's ticks. Each takes seconds, may be lost or repeated, and never waits for a run."""

from __future__ import annotations

from hubsite.coordination import retention
from hubsite.coordination.retention import yesterday
from hubsite.health import heartbeat

from .discovery import keeping, listing
from .models import EngineLook, JobDocument
from .operators import history
from .output import outputs, quicklooks
from .prediction import forecasting
from .queue import launching
from .running import engine_looks, removal
from .submission import admission, repeating


def launch_due() -> None:
    """Launch the jobs that wait, as many as there are free places."""
    launching.launch_due()


def remove_objects(names: list[str], engine_name: str) -> None:
    """End and remove objects of an engine whose jobs are over."""
    removal.remove(names, engine_name)


def remove_outputs() -> None:
    """Remove what failed runs wrote. A tick of its own, because it waits for a store."""
    outputs.remove_due()


def rerun_due() -> None:
    """Submit failed jobs again that operators chose. It waits for estimates."""
    repeating.rerun_due()


def forecast_starts() -> None:
    """Work out places and expected starts of the jobs that wait."""
    forecasting.forecast_all()


def refresh_stores() -> None:
    """List the data sets of stores that are slow to list, because someone wants to see them."""
    listing.refresh_wanted(seconds=10)


def forget_stores() -> int:
    """Delete what was found in stores and no one has asked for since."""
    return keeping.forget_old()


def sweep() -> None:
    """Find work whose wake-up was lost."""
    heartbeat.beat("worker")
    outputs.ask_for_due()
    launching.launch_missing()
    launching.launch_due()


def look_into_engines() -> None:
    """Ask engines for what operators want to see of jobs. It may wait for a cluster."""
    engine_looks.look_due()


def forget_engine_looks() -> int:
    """Delete what engines showed more than a day ago."""
    return retention.delete(EngineLook.objects.filter(asked_at__lt=yesterday()))


def count_hours() -> None:
    """Count what happened to jobs, hour by hour, for the operators' dashboard."""
    history.count_hours()


def forget_hours() -> int:
    """Delete what was counted more than a year ago."""
    return history.forget_old()


def forget_code() -> int:
    """Delete uploaded code a day after its job ended."""
    rows = JobDocument.objects.filter(code__isnull=False, job__finished_at__lt=yesterday())
    return retention.blank(rows, code=None)


def forget_requests() -> int:
    """Delete the requests of jobs that never ran, a day after their end."""
    rows = JobDocument.objects.filter(job__launched_at=None, job__finished_at__lt=yesterday())
    return retention.blank(rows.exclude(request={}, estimate={}), request={}, estimate={})


def forget_quicklooks() -> int:
    """Delete pictures of cubes that are older than `XCUBE_HUB_QUICKLOOKS_DAYS`."""
    return quicklooks.forget_old()


def forget_idempotency_keys() -> int:
    """Delete idempotency keys a day after their first use."""
    return admission.KEYS.forget_old()
