"""The address at which the hub is reached, and waiting until it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from hubsite.configuration.site import hub

from .. import __version__

LATE_AFTER_S = 30.0
_ANY = {"", "0.0.0.0", "::"}  # noqa: S104
_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Site:
    """Address and port that web listens on."""

    address: str
    port: int

    @property
    def url(self) -> str:
        """The base of all links: as configured, else the URL for a browser on this machine."""
        if "XCUBE_HUB_PUBLIC_URL" in settings.HUB_GIVEN:
            return hub.public_url
        host = "localhost" if self.address in _ANY | _LOCAL else self.address
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Variables that give the parts the address; the public URL follows if it is not set."""
        return {
            "XCUBE_HUB_ADDRESS": self.address,
            "XCUBE_HUB_PORT": str(self.port),
        }

    def welcome(self) -> str:
        api = f"{self.url}/{settings.API_PATH}"
        return (
            f"xcube-hub {__version__} is ready: {api.rstrip('/')} "
            f"(docs {api}ui/, admin {self.url}/admin/, health {self.url}/health/ready)"
        )

    async def answers(self) -> bool:
        """Whether the web process answers a request at all."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)  # noqa: S104
        writer = None
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(host or "127.0.0.1", self.port)
                request = f"GET /health/live HTTP/1.0\r\nHost: {_known_host()}\r\n\r\n"
                writer.write(request.encode())
                return (await reader.readline()).startswith(b"HTTP/")
        except (OSError, TimeoutError):
            return False
        finally:
            if writer:
                writer.close()


def _known_host() -> str:
    """A host name under which the hub answers, because it logs a warning for all others."""
    names = (name for name in settings.ALLOWED_HOSTS if name[:1] not in (".", "*"))
    return next(names, "localhost")


async def tell_when_ready(site: Site, tell: Callable[[str], None]) -> None:
    """Print the URLs as soon as web answers; print one note if that takes long."""
    late_at = time.monotonic() + LATE_AFTER_S
    while not await site.answers():
        if time.monotonic() > late_at:
            tell("web does not answer yet; its lines above may tell why.")
            late_at = float("inf")
        await asyncio.sleep(0.1)
    tell(site.welcome())
