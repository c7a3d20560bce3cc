"""Settings of the site itself."""

from __future__ import annotations

from pathlib import Path

from hubsite.configuration.reading import (
    BASE_DIR,
    boolean,
    comma_list,
    contact,
    database_url,
    folder,
    level,
    public_url,
    whole_number,
)
from hubsite.configuration.rooms import Room, setting


def _local_url(hub: SiteSettings) -> str:
    """The URL under which a browser on this machine reaches the web process."""
    address = hub.address
    if address in ("", "0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104
        address = "localhost"
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{hub.port}"


class SiteSettings(Room):
    """The site: where it is reached, its database, its web processes."""

    section = "Site"

    env: str = setting(
        "XCUBE_HUB_ENV",
        str,
        "development",
        choices=("development", "production"),
    )
    """`production` makes the hub refuse to start on a generated secret, DEBUG, SQLite or a
    wildcard host."""

    data_dir: Path = setting(
        "XCUBE_HUB_DATA_DIR",
        folder,
        BASE_DIR / "var",
        default_text="`var/` in the checkout",
    )
    """Where the embedded default keeps its database, generated keys, runs and sockets."""

    secret_key: str = setting(
        "XCUBE_HUB_SECRET_KEY",
        str,
        "",
        default_text="generated once into the data folder",
        secret=True,
    )
    """Django's secret key, at least 50 characters. Signs sessions, run tokens and queued tasks."""

    debug: bool = setting(
        "XCUBE_HUB_DEBUG",
        boolean,
        False,
    )
    """Django's debug pages. Never in production."""

    address: str = setting(
        "XCUBE_HUB_ADDRESS",
        str,
        "127.0.0.1",
    )
    """Address the web process binds."""

    port: int = setting(
        "XCUBE_HUB_PORT",
        whole_number,
        8080,
        minimum=0,
        maximum=65535,
    )
    """Port the web process binds."""

    public_url: str = setting(
        "XCUBE_HUB_PUBLIC_URL",
        public_url,
        _local_url,
        default_text="`http://localhost:<port>`, or with the address that web binds",
    )
    """Base of the links that the hub gives out, without `/api/v2`. If it has a path, as
    `https://example.org/hub`, the proxy must remove that path from requests."""

    contact: str = setting(
        "XCUBE_HUB_CONTACT",
        contact,
        "",
        default_text="none",
    )
    """Whom users ask: an e-mail address, or the address of a page (https://…). Pages show it
    where somebody needs an operator: to get in, to get units, when something has failed."""

    allowed_hosts: list[str] = setting(
        "XCUBE_HUB_ALLOWED_HOSTS",
        comma_list,
        lambda hub: ["*"] if hub.env == "development" else [],
        default_text="any in development",
    )
    """Host names under which the hub answers, separated by commas."""

    cors_origins: list[str] = setting(
        "XCUBE_HUB_CORS_ORIGINS",
        comma_list,
        ["*"],
        default_text="any",
    )
    """Origins whose pages may call the API with a bearer token; cookies are never allowed."""

    database_url: str = setting(
        "DATABASE_URL",
        database_url,
        lambda hub: f"sqlite:///{hub.data_dir / 'hub.sqlite3'}",
        default_text="SQLite in the data folder",
        secret=True,
    )
    """Database, e.g. `postgres://user:password@host/name`."""

    web_workers: int = setting(
        "XCUBE_HUB_WEB_WORKERS",
        whole_number,
        2,
        minimum=1,
        maximum=1000,
    )
    """Web processes."""

    web_threads: int = setting(
        "XCUBE_HUB_WEB_THREADS",
        whole_number,
        24,
        minimum=1,
        maximum=1000,
    )
    """Threads of each web process."""

    log_level: str = setting(
        "XCUBE_HUB_LOG_LEVEL",
        level,
        "INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    )
    """Least severe level of messages that the hub's processes log."""

    audit_addresses: bool = setting("XCUBE_HUB_AUDIT_ADDRESSES", boolean, False)
    """Keep the network address of requests in the audit. It is personal data: say so to users."""

    audit_days: int = setting("XCUBE_HUB_AUDIT_DAYS", whole_number, 0, minimum=0, maximum=36500)
    """Days after which entries of the audit are deleted; 0 keeps them for good."""

    chart_version: str | None = setting(
        "XCUBE_HUB_CHART_VERSION",
        str,
        None,
        default_text="none",
    )
    """Version of the chart that installed the hub; only shown at `GET /api/v2/`."""

    mock_services: str | None = setting(
        "XCUBE_HUB_MOCK_SERVICES",
        str,
        None,
        default_text="none",
    )
    """Only shown at `GET /api/v2/`."""


hub = SiteSettings()
