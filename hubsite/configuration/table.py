"""Every setting of the hub, one row each (see `configuration.py` for what a row means)."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from ..accounts_settings import ACCOUNTS, ACCOUNTS_SETTINGS
from ..engines.kubernetes.settings import KUBERNETES_SETTINGS
from ..geodb_settings import GEODB_SETTINGS
from ..units_settings import UNITS_SETTINGS
from .bounds import GIB, LARGEST_INTEGER, LARGEST_NUMBER
from .reading import (
    BASE_DIR,
    Setting,
    Values,
    boolean,
    comma_list,
    file,
    folder,
    level,
    one_item,
    public_url,
    url,
    whole_number,
)

MOST_ESTIMATORS = 256  # of the runner

SITE = "Site"
JOBS = "Cube generation"
LOCAL = "Local engine"


def _local_url(values: Values) -> str:
    """Where a browser on this machine finds web."""
    address = values["XCUBE_HUB_ADDRESS"]
    if address in ("", "0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104
        address = "localhost"
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{values['XCUBE_HUB_PORT']}"


def _audience(values: Values) -> str:
    """It follows from nothing that `start` has options for: commands do not know those."""
    is_given = "XCUBE_HUB_PUBLIC_URL" in values.given
    return f"{values['XCUBE_HUB_PUBLIC_URL'] if is_given else 'http://localhost'}/api/v2/"


def _callback_url(values: dict) -> str:
    """Where runs on this machine reach the web process without any name or proxy between."""
    address = values["XCUBE_HUB_ADDRESS"]
    if address in ("0.0.0.0", "::", "localhost"):  # noqa: S104
        address = "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{values['XCUBE_HUB_PORT']}/api/v2"


def callback_hosts(values: dict) -> list[str]:
    """The host that runs call, if it is this machine and not a name that operators must list."""
    host = urlsplit(values["XCUBE_HUB_CALLBACK_URL"]).hostname or ""
    if not is_loopback(host) or host == "localhost":
        return []
    return [f"[{host}]" if ":" in host else host]


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches it by that name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "XCUBE_HUB_ENV",
        str,
        "development",
        "`production` makes the hub refuse to start on a generated secret, DEBUG, SQLite or a "
        "wildcard host.",
        SITE,
        choices=("development", "production"),
    ),
    Setting(
        "XCUBE_HUB_DATA_DIR",
        folder,
        BASE_DIR / "var",
        "Where the embedded default keeps its database, generated keys, runs and sockets.",
        SITE,
        default_text="`var/` in the checkout",
    ),
    Setting(
        "XCUBE_HUB_SECRET_KEY",
        str,
        "",
        "Django's secret key, at least 50 characters. Signs sessions, run tokens and queued tasks.",
        SITE,
        default_text="generated once into the data folder",
        secret=True,
    ),
    Setting(
        "XCUBE_HUB_DEBUG",
        boolean,
        False,
        "Django's debug pages. Never in production.",
        SITE,
    ),
    Setting(
        "XCUBE_HUB_ADDRESS",
        str,
        "127.0.0.1",
        "Address the web process binds.",
        SITE,
    ),
    Setting(
        "XCUBE_HUB_PORT",
        whole_number,
        8080,
        "Port the web process binds.",
        SITE,
        minimum=0,
        maximum=65535,
    ),
    Setting(
        "XCUBE_HUB_PUBLIC_URL",
        public_url,
        _local_url,
        "Base of the links that the hub gives out, without `/api/v2`. If it has a path, as "
        "`https://example.org/hub`, a proxy must take that path off.",
        SITE,
        default_text="`http://localhost:<port>`, or with the address that web binds",
    ),
    Setting(
        "XCUBE_HUB_ALLOWED_HOSTS",
        comma_list,
        lambda values: ["*"] if values["XCUBE_HUB_ENV"] == "development" else [],
        "Host names the hub answers to, separated by commas.",
        SITE,
        default_text="any in development",
    ),
    Setting(
        "XCUBE_HUB_CORS_ORIGINS",
        comma_list,
        ["*"],
        "Origins whose pages may call the API with a bearer token; cookies are never allowed.",
        SITE,
        default_text="any",
    ),
    Setting(
        "DATABASE_URL",
        str,
        lambda values: f"sqlite:///{values['XCUBE_HUB_DATA_DIR'] / 'hub.sqlite3'}",
        "Database, e.g. `postgres://user:password@host/name`.",
        SITE,
        default_text="SQLite in the data folder",
        secret=True,
    ),
    Setting(
        "XCUBE_HUB_WEB_WORKERS", whole_number, 2, "Web processes.", SITE, minimum=1, maximum=1000
    ),
    Setting(
        "XCUBE_HUB_WEB_THREADS",
        whole_number,
        24,
        "Threads of each web process.",
        SITE,
        minimum=1,
        maximum=1000,
    ),
    Setting(
        "XCUBE_HUB_LOG_LEVEL",
        level,
        "INFO",
        "How much the hub's processes tell.",
        SITE,
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    ),
    Setting(
        "XCUBE_HUB_CHART_VERSION",
        str,
        None,
        "Version of the chart that installed the hub; only shown at `GET /api/v2/`.",
        SITE,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_MOCK_SERVICES",
        str,
        None,
        "Only shown at `GET /api/v2/`.",
        SITE,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_TOKEN_SECRETS",
        comma_list,
        [],
        "HS256 keys of the hub's own tokens, each at least 32 characters, separated by commas. "
        "The first signs, all verify. The geoDB's PostgREST shares one.",
        ACCOUNTS,
        former=("XCUBE_HUB_OAUTH_HS256_SECRET", "XCUBE_HUB_TOKEN_SECRET"),
        former_type=one_item,
        default_text="generated once into the data folder",
        secret=True,
    ),
    Setting(
        "XCUBE_HUB_TOKEN_ISSUER",
        str,
        "https://xcube-gen.brockmann-consult.de/",
        "The `iss` claim of the hub's own tokens.",
        ACCOUNTS,
    ),
    Setting(
        "XCUBE_HUB_OAUTH_AUD",
        str,
        _audience,
        "The `aud` claim of the hub's own tokens.",
        ACCOUNTS,
        default_text="`<public URL>/api/v2/`; if that is not set, `http://localhost/api/v2/`",
    ),
    Setting(
        "XCUBE_HUB_TOKEN_LIFETIME_S",
        whole_number,
        7 * 86400,
        "How long an issued token is valid, in seconds. Clients poll a job with the token they "
        "began with: keep it longer than your longest job.",
        ACCOUNTS,
        minimum=1,
        maximum=LARGEST_INTEGER,
    ),
    *ACCOUNTS_SETTINGS,
    *UNITS_SETTINGS,
    *GEODB_SETTINGS,
    Setting(
        "XCUBE_HUB_RUN_LOCAL",
        str,
        None,
        "Which Kubernetes configuration is used, as in the service before: `1` the kubeconfig, `0` "
        "the service account of the pod; else what is there. Where it is set, the engine is "
        "`kubernetes` unless XCUBE_HUB_ENGINE says otherwise. Shown at `GET /api/v2/`.",
        JOBS,
        default_text="none",
        choices=("0", "1"),
    ),
    Setting(
        "XCUBE_HUB_ENGINE",
        str,
        lambda values: "local" if values["XCUBE_HUB_RUN_LOCAL"] is None else "kubernetes",
        "What runs the jobs: `local` is this machine, `kubernetes` a cluster.",
        JOBS,
        choices=("local", "kubernetes"),
        default_text="`local`",
    ),
    Setting(
        "XCUBE_HUB_CALLBACK_URL",
        url,
        _callback_url,
        "Base URL at which runs reach the hub, with `/api/v2`; one that the pods of a cluster can "
        "reach.",
        JOBS,
        default_text="the web process on this machine",
    ),
    Setting(
        "XCUBE_HUB_STORES",
        file,
        lambda values: values["XCUBE_HUB_DATA_DIR"] / "stores.yaml",
        "The data stores file (YAML or JSON): stores, prices, who may read and write. Values may "
        "name `${ENVIRONMENT}` variables. It is read again when it changes. The default may be "
        "absent: then there are no stores.",
        JOBS,
        former_path=("XCUBE_HUB_CFG_DIR", "XCUBE_HUB_CFG_DATAPOOLS"),
        default_text="`stores.yaml` in the data folder",
    ),
    Setting(
        "XCUBE_HUB_PROCESS_LIMIT",
        whole_number,
        1000,
        "Processing units that one job may cost.",
        JOBS,
        former=("GENERATOR_PROCESS_LIMIT",),
        minimum=1,
        maximum=LARGEST_NUMBER,
    ),
    Setting(
        "XCUBE_HUB_RUNNING_PER_USER",
        whole_number,
        0,
        "Jobs of one user that may run at once; 0: as many as the engine has places.",
        JOBS,
        minimum=0,
        maximum=LARGEST_INTEGER,
    ),
    Setting(
        "XCUBE_HUB_JOBS_PER_USER",
        whole_number,
        1000,
        "Jobs of one user that may be queued or running; a further one is answered 429.",
        JOBS,
        minimum=1,
        maximum=LARGEST_INTEGER,
    ),
    Setting(
        "XCUBE_HUB_JOB_DEADLINE_S",
        whole_number,
        86400,
        "Longest time a run may take, in seconds.",
        JOBS,
        minimum=1,
        maximum=LARGEST_INTEGER,
    ),
    Setting(
        "XCUBE_HUB_JOB_MEMORY_BYTES",
        whole_number,
        4 * GIB,
        "Most private memory a run may use, in bytes.",
        JOBS,
        minimum=1,
        maximum=LARGEST_NUMBER,
    ),
    Setting(
        "XCUBE_HUB_OWN_STORE_TYPES",
        comma_list,
        ["s3"],
        "xcube store types that callers may use with their own keys; only `s3` can be guarded.",
        JOBS,
        default_text="`s3`",
    ),
    Setting(
        "XCUBE_HUB_OWN_STORE_NETWORKS",
        comma_list,
        [],
        "Private networks (CIDR) that callers' own stores may nevertheless reach, for instance "
        "an in-house MinIO.",
        JOBS,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_OWN_STORE_PIXELS_PER_PUNIT",
        whole_number,
        512 * 512,
        "Price of callers' own stores: pixels that one processing unit reads or writes.",
        JOBS,
        minimum=1,
        maximum=LARGEST_NUMBER,
    ),
    Setting(
        "CUBEGENS_SILENT",
        boolean,
        False,
        "Switch cube generation off: its endpoints answer 422; runs still report.",
        JOBS,
    ),
    Setting(
        "XCUBE_HUB_ESTIMATE_TIMEOUT_S",
        whole_number,
        60,
        "How long a request waits for an estimate, in seconds, before it is answered 503.",
        JOBS,
        minimum=1,
        maximum=3600,
    ),
    Setting(
        "XCUBE_HUB_ESTIMATOR_URL",
        url,
        None,
        "Where estimates are asked for: the address of `deploy/kubernetes/estimator.yaml`, for "
        "instance `http://xcube-hub-estimator:8080`.",
        JOBS,
        default_text="the runner on this machine",
    ),
    Setting(
        "XCUBE_HUB_ESTIMATOR_SECRET",
        str,
        None,
        "What estimators behind XCUBE_HUB_ESTIMATOR_URL want to hear, at least 32 characters.",
        JOBS,
        default_text="none",
        secret=True,
    ),
    Setting(
        "XCUBE_HUB_XCUBE_PYTHON",
        file,
        BASE_DIR / ".xcube" / "bin" / "python",
        "The Python of the environment that xcube is installed in.",
        LOCAL,
        default_text="the one that `make` installs",
    ),
    Setting(
        "XCUBE_HUB_LOCAL_RUNS",
        whole_number,
        lambda values: os.cpu_count() or 1,
        "Runs at once on this machine.",
        LOCAL,
        default_text="number of cores",
        minimum=1,
        maximum=10_000,
    ),
    Setting(
        "XCUBE_HUB_ESTIMATORS",
        whole_number,
        lambda values: min(os.cpu_count() or 1, MOST_ESTIMATORS),
        "Processes that answer estimates.",
        LOCAL,
        default_text="number of cores",
        minimum=1,
        maximum=MOST_ESTIMATORS,
    ),
    Setting(
        "XCUBE_HUB_LOCAL_USER_CODE",
        boolean,
        False,
        "Allow users' own code in local runs. This engine isolates nothing: their code can read "
        "and write whatever the hub can.",
        LOCAL,
    ),
    *KUBERNETES_SETTINGS,
)

_IN_THE_DATABASE = "progress lies in the database"
_OWN_USERS = "users, roles and scopes lie in the database"
_NEVER_READ = "it was documented, but never read"
_NO_LAYERS = "the hub publishes no layers in a GeoServer yet"

WITHOUT_MEANING: dict[str, str] = {
    "XCUBE_HUB_CFG_DATAPOOLS_SCHEMA": "the hub checks the stores file itself (check_stores)",
    "XCUBE_CFG_ROOT_DIR": "requests lie in the database",
    "XCUBE_HUB_CODE_ROOT_DIR": "uploaded code lies in the database",
    "XCUBE_HUB_RESULT_ROOT_DIR": "results lie in the database",
    "XCUBE_HUB_CACHE_PROVIDER": _IN_THE_DATABASE,
    "XCUBE_HUB_REDIS_HOST": _IN_THE_DATABASE,
    "XCUBE_HUB_REDIS_PORT": _IN_THE_DATABASE,
    "XCUBE_HUB_REDIS_DB": _IN_THE_DATABASE,
    "XCUBE_GEN_LEVELDB_NAME": _IN_THE_DATABASE,
    "XCUBE_GEN_LEVELDB_CREATE_IF_MISSING": _IN_THE_DATABASE,
    "XCUBE_GEN_API_USE_KV_MOCK": _IN_THE_DATABASE,
    "XCUBE_HUB_OAUTH_USER_MANAGEMENT_AUD": _OWN_USERS,
    "XCUBE_HUB_OAUTH_USER_MANAGEMENT_CLIENT_ID": _OWN_USERS,
    "XCUBE_HUB_OAUTH_USER_MANAGEMENT_CLIENT_SECRET": _OWN_USERS,
    "AUTH0_USER_MANAGEMENT_CLIENT_ID": _OWN_USERS,
    "AUTH0_USER_MANAGEMENT_CLIENT_SECRET": _OWN_USERS,
    "XCUBE_GEN_CLIENT_ID": _OWN_USERS,
    "XCUBE_GEN_CLIENT_SECRET": _OWN_USERS,
    "XCUBE_GEN_ROLE_ID": _OWN_USERS,
    "GENERATOR_ROLE_ID": _OWN_USERS,
    "XCUBE_GEN_PROCESSING_ROLE_ID": _OWN_USERS,
    "GENERATOR_PROCESSING_ROLE_ID": _OWN_USERS,
    "XCUBE_GEOSERV_ID": _OWN_USERS,
    "GEOSERVER_ROLE_ID": _OWN_USERS,
    "GEODB_AUTH_ROLE_ID_USER": _OWN_USERS,
    "GEODB_AUTH_ROLE_ID_MANAGE": _OWN_USERS,
    "GEODB_AUTH_ROLE_ID_FREE": _OWN_USERS,
    "XCUBE_HUB_GEOSERVER_URL": _NO_LAYERS,
    "XCUBE_HUB_GEOSERVER_USERNAME": _NO_LAYERS,
    "XCUBE_HUB_GEOSERVER_PASSWORD": _NO_LAYERS,
    "XCUBE_HUB_POSTGIS_HOST": _NO_LAYERS,
    "XCUBE_HUB_POSTGIS_USER": _NO_LAYERS,
    "XCUBE_HUB_POSTGIS_PASSWORD": _NO_LAYERS,
    "XCUBE_HUB_POSTGIS_DB": _NO_LAYERS,
    "XCUBE_HUB_DOCKER_PULL_POLICY": _NEVER_READ,
    "XCUBE_API_UWSGI_INI_PATH": "gunicorn serves the hub",
}


def known_names() -> frozenset[str]:
    """Every name beginning with XCUBE_HUB_ that means or meant a setting."""
    joined = {
        name for row in SETTINGS for name in re.findall(r"XCUBE_HUB_[A-Z0-9_]+", row.former_text)
    }
    rows = {name for row in SETTINGS for name in (row.name, *row.former, *row.former_path)}
    return rows | joined | WITHOUT_MEANING.keys()
