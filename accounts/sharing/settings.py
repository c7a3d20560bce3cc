"""Settings of sharing: how long a share lasts."""

from __future__ import annotations

from hubsite.configuration.reading import whole_number
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings


class SharingSettings(SiteSettings):
    """What users share with others."""

    section = "Sharing"

    share_days: int = setting("XCUBE_HUB_SHARE_DAYS", whole_number, 30, minimum=1, maximum=3650)
    """How many days a share lasts if whoever makes it says nothing else."""

    max_share_days: int = setting(
        "XCUBE_HUB_MAX_SHARE_DAYS", whole_number, 365, minimum=1, maximum=3650
    )
    """How many days a share lasts at most. A shorter time than `XCUBE_HUB_SHARE_DAYS` holds for
    these, too."""
