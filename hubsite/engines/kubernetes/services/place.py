"""The place of services in a cluster: as any place there, and it refreshes running services."""

from __future__ import annotations

import logging

from hubsite import http_client

from ...facts import Phase, ServiceFact
from ...place import ServicePlace
from ...specs import Service
from ..place import KubernetesPlace
from .facts import path_of

logger = logging.getLogger(__name__)

REFRESH_PATH = "/maintenance/update"
"""The path at which xcube server reads its configuration and data again. The edge hides it."""
REFRESH_S = 5.0
MOST_BYTES = 1 << 16


class KubernetesServices(KubernetesPlace[Service, ServiceFact], ServicePlace):
    """Makes, changes, watches, refreshes and removes services."""

    def forget_files(self, keeps: str) -> str:
        """The hub cannot reach the volume: operators must."""
        volume = self.options.workspace
        return f"volume claim {volume.claim}: remove the folder {keeps}" if volume else ""

    def refresh_one(self, name: str) -> None:
        """Refresh one service. One that does not answer stops no other: it is only logged."""
        seen = self.read(name)
        if seen is None:
            return
        fact = self.kind.observe(seen, self.options)
        if fact.phase is not Phase.RUNNING:
            return
        url = f"{fact.address}{path_of(seen.root)}{REFRESH_PATH}"
        try:
            answer = http_client.call(
                "GET", url, timeout_s=REFRESH_S, most_bytes=MOST_BYTES, through_proxy=False
            )
        except http_client.NoAnswer as error:
            logger.warning("%s could not be told to refresh: %s", name, error)
            return
        if answer.status != 200:
            logger.warning("%s refused to refresh: status %s", name, answer.status)
