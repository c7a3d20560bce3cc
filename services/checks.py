"""System checks of services: a Cate that is configured can be started."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from .cate import offered
from .cate.settings import hub


@register()
def check_cate(**kwargs: Any) -> list[CheckMessage]:
    if offered.is_configured() or not (hub.cate_command or hub.cate_image):
        return []
    is_local = hub.engine != "kubernetes"
    return [
        Warning(
            "Cate web APIs are switched off: the local engine needs XCUBE_HUB_CATE_COMMAND with "
            "{port} or {socket}."
            if is_local
            else "Cate web APIs are switched off: in a cluster they need XCUBE_HUB_CATE_IMAGE.",
            hint="docs/operators.md, Cate",
            id="services.W001",
        )
    ]
