"""Settings of the engine that runs jobs on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from hubsite.configuration.reading import BASE_DIR, boolean, file, whole_number
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings

MOST_ESTIMATORS = 256  # of the runner


class LocalSettings(SiteSettings):
    """The runner: its Python, its places, its estimators."""

    section = "Local engine"

    xcube_python: Path = setting(
        "XCUBE_HUB_XCUBE_PYTHON",
        file,
        BASE_DIR / ".xcube" / "bin" / "python",
        default_text="the one that `make` installs",
    )
    """The Python of the environment that xcube is installed in."""

    local_runs: int = setting(
        "XCUBE_HUB_LOCAL_RUNS",
        whole_number,
        lambda hub: os.cpu_count() or 1,
        default_text="number of cores",
        minimum=1,
        maximum=10_000,
    )
    """Runs at once on this machine."""

    local_services: int = setting(
        "XCUBE_HUB_LOCAL_SERVICES",
        whole_number,
        lambda hub: 10 * (os.cpu_count() or 1),
        default_text="10 per core",
        minimum=0,
        maximum=1_000,
    )
    """Services that may be awake on this machine at once; each takes about 60 MB."""

    store_readers: int = setting(
        "XCUBE_HUB_STORE_READERS",
        whole_number,
        3,
        minimum=1,
        maximum=100,
    )
    """Processes that look into data stores for those who browse them. One store has two of them at
    most, and stores that did not answer share one. With estimators on other machines: how many of
    theirs this machine may use."""

    estimators: int = setting(
        "XCUBE_HUB_ESTIMATORS",
        whole_number,
        lambda hub: min(os.cpu_count() or 1, MOST_ESTIMATORS),
        default_text="number of cores",
        minimum=1,
        maximum=MOST_ESTIMATORS,
    )
    """Processes that answer estimates."""

    local_user_code: bool = setting(
        "XCUBE_HUB_LOCAL_USER_CODE",
        boolean,
        False,
    )
    """Allow users' own code in local runs. This engine isolates nothing: their code can read
    and write whatever the hub can."""
