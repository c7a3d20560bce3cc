"""What the admin's first page says of the hub's own parts."""

from __future__ import annotations

import shutil
from typing import Any

from django.http import HttpRequest

from hubsite.configuration.site import hub

from . import parts


def of_parts(request: HttpRequest) -> dict[str, Any] | None:
    """The panel "Is it healthy?": parts, services and the disk of the data folder."""
    if not request.user.reads_hub:
        return None
    view = parts.look()
    disk = shutil.disk_usage(hub.data_dir)
    return {
        "unwell": [(name, it) for name, it in view.findings.items() if not it.is_ok],
        "well": [name for name, finding in view.findings.items() if finding.is_ok],
        "services": view.services,
        "free_bytes": disk.free,
        "disk_bytes": disk.total,
    }
