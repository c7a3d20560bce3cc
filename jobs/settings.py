"""Settings of cube generation: `from jobs.settings import hub`."""

from __future__ import annotations

from pathlib import Path

from accounts.settings import AccountsSettings
from hubsite.configuration.bounds import LARGEST_INTEGER, LARGEST_NUMBER
from hubsite.configuration.reading import boolean, comma_list, file, networks, whole_number
from hubsite.configuration.rooms import setting
from hubsite.engines.settings import EngineSettings


class JobsSettings(AccountsSettings, EngineSettings):
    """Settings of jobs: their limits, their stores, their estimates."""

    section = "Cube generation"

    stores: Path = setting(
        "XCUBE_HUB_STORES",
        file,
        lambda hub: hub.data_dir / "stores.yaml",
        former_path=("XCUBE_HUB_CFG_DIR", "XCUBE_HUB_CFG_DATAPOOLS"),
        default_text="`stores.yaml` in the data folder",
    )
    """The data stores file (YAML or JSON): stores, prices, who may read and write. Values may
    name `${ENVIRONMENT}` variables. It is read again when it changes. The default may be
    absent: then there are no stores."""

    process_limit: int = setting(
        "XCUBE_HUB_PROCESS_LIMIT",
        whole_number,
        1000,
        former=("GENERATOR_PROCESS_LIMIT",),
        minimum=1,
        maximum=LARGEST_NUMBER,
    )
    """Processing units that one job may cost at most."""

    running_per_user: int = setting(
        "XCUBE_HUB_RUNNING_PER_USER",
        whole_number,
        0,
        minimum=0,
        maximum=LARGEST_INTEGER,
    )
    """Jobs of one user that may run at once; 0: as many as the engine has places."""

    jobs_per_user: int = setting(
        "XCUBE_HUB_JOBS_PER_USER",
        whole_number,
        1000,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """Jobs of one user that may be queued or running; a further one is answered 429."""

    job_deadline_s: int = setting(
        "XCUBE_HUB_JOB_DEADLINE_S",
        whole_number,
        86400,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """Longest time a run may take, in seconds."""

    own_store_types: list[str] = setting(
        "XCUBE_HUB_OWN_STORE_TYPES",
        comma_list,
        ["s3"],
        default_text="`s3`",
    )
    """xcube store types that callers may use with their own keys; only `s3` can be guarded."""

    own_store_networks: list[str] = setting(
        "XCUBE_HUB_OWN_STORE_NETWORKS",
        networks,
        [],
        default_text="none",
    )
    """Private networks (CIDR) that callers' own stores may nevertheless reach, for instance an
    in-house MinIO."""

    own_store_pixels_per_punit: int = setting(
        "XCUBE_HUB_OWN_STORE_PIXELS_PER_PUNIT",
        whole_number,
        512 * 512,
        minimum=1,
        maximum=LARGEST_NUMBER,
    )
    """Price of callers' own stores: pixels that one processing unit reads or writes."""

    quicklooks_days: int = setting(
        "XCUBE_HUB_QUICKLOOKS_DAYS",
        whole_number,
        365,
        minimum=0,
        maximum=36500,
    )
    """How many days pictures of cubes (quick-looks) are kept: at most 12 of 64 kB for each job,
    mostly a tenth of that. 0: none are made."""

    stores_fresh_s: int = setting(
        "XCUBE_HUB_STORES_FRESH_S",
        whole_number,
        300,
        minimum=1,
        maximum=86400,
    )
    """How long, in seconds, the list of a store's data sets and their descriptions count as true.
    What a job writes is seen at once; this is for what others put there."""

    cubegens_silent: bool = setting(
        "CUBEGENS_SILENT",
        boolean,
        False,
    )
    """Switch cube generation off: its endpoints answer 422. Runs in progress continue."""

    estimate_timeout_s: int = setting(
        "XCUBE_HUB_ESTIMATE_TIMEOUT_S",
        whole_number,
        60,
        minimum=1,
        maximum=3600,
    )
    """How long a request waits for an estimate, in seconds, before it is answered 503."""


hub = JobsSettings()
