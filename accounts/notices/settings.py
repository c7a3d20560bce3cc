"""Settings of notices: how long they are kept, and where webhooks may lead."""

from __future__ import annotations

from hubsite.configuration.bounds import LARGEST_INTEGER
from hubsite.configuration.reading import boolean, networks, whole_number
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings


class NoticesSettings(SiteSettings):
    """Notices to users, and their webhooks."""

    section = "Accounts and tokens"

    notices_kept_days: int = setting(
        "XCUBE_HUB_NOTICES_KEPT_DAYS",
        whole_number,
        90,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """Days after which notices are deleted, read or not, with what webhooks were sent of them."""

    webhooks_per_user: int = setting(
        "XCUBE_HUB_WEBHOOKS_PER_USER",
        whole_number,
        5,
        minimum=0,
        maximum=100,
    )
    """Webhooks that one user may have; 0: no one has any, and nothing is sent."""

    webhook_networks: list[str] = setting(
        "XCUBE_HUB_WEBHOOK_NETWORKS",
        networks,
        [],
        default_text="none",
    )
    """Private networks (CIDR) that users' webhooks may nevertheless reach."""

    webhook_http: bool = setting(
        "XCUBE_HUB_WEBHOOK_HTTP",
        boolean,
        False,
    )
    """Whether webhooks may have a URL with `http:`. Without it only `https:` is allowed."""
