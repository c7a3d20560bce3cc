"""What the hub's denials, and other reasons, become as answers."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from .answers import Refusal
from .hub import Denied

_DENIALS: dict[str, tuple[int, str, str, str]] = {
    "sign_in": (401, "Please sign in", "Sign in at the hub to open this service.", "Sign in"),
    "forbidden": (403, "This service is not yours", "It belongs to someone else.", "To the hub"),
    "unknown": (404, "There is no such service", "There is no service at this address.", ""),
    "stopped": (410, "This service has ended", "It was stopped.", "See why, or start a new one"),
    "failed": (410, "This service has failed", "It ended with a failure.", "See what happened"),
    "no_units": (
        403,
        "No processing units are left",
        "The service is asleep, and its owner has no processing units left to wake it.",
        "To the service",
    ),
    "bad_ticket": (
        403,
        "This link does not work any more",
        "It was used already, is too old, or was withdrawn.",
        "Open the service at the hub",
    ),
    "busy": (503, "Not possible at the moment", "Try again later.", "To the service"),
}
"""By `why`: status, title, what is said if the hub says nothing, and the text of the link."""


def refusal_of(denied: Denied) -> Refusal:
    """The answer for a denial of the hub."""
    status, title, detail, link_text = _DENIALS.get(denied.why, _DENIALS["forbidden"])
    return Refusal(
        status=status,
        title=title,
        detail=denied.message or detail,
        details=denied.messages,
        link=denied.location if link_text else "",
        link_text=link_text,
        retry_s=10 if status == 503 else 0,
        headers={"WWW-Authenticate": "Bearer"} if status == 401 else {},
    )


def sign_in_url(location: str, onward: str) -> str:
    """The hub's page that lets a browser in, and brings it back to the path `onward`."""
    separator = "&" if urlsplit(location).query else "?"
    return f"{location}{separator}{urlencode({'next': onward})}"


NO_PLACE = Refusal(
    status=404, title="There is no such service", detail="There is no service at this address."
)
CLOSED = Refusal(status=404, title="There is nothing here", detail="This path is not served.")
BAD_TOKEN = Refusal(
    status=401,
    title="Not signed in",
    detail="Authorization: expected a token of the hub, as `Bearer TOKEN`.",
    headers={"WWW-Authenticate": "Bearer"},
)
HUB_AWAY = Refusal(
    status=503,
    title="The hub does not answer",
    detail="The hub cannot be asked who may open this service. Try again soon.",
    retry_s=5,
)
STARTING = Refusal(
    status=503,
    title="The service is starting",
    detail="The service does not answer yet. Try again soon.",
    retry_s=2,
)
TOO_MANY_OF_YOURS = Refusal(
    status=429,
    title="Too many requests at once",
    detail="You have too many requests open at this service. Wait until some of them end.",
    retry_s=1,
)
TOO_MANY = Refusal(
    status=503,
    title="The service is busy",
    detail="Too many requests are open at this service. Try again soon.",
    retry_s=2,
)
NOT_ALLOWED = Refusal(
    status=405,
    title="Not possible",
    detail="This method is not served.",
    headers={"Allow": "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"},
)
RIGHT_ENDED = Refusal(
    status=403,
    title="Your right has ended",
    detail="Your right to use this service has ended, or the service was stopped.",
)
STOPPING = Refusal(
    status=503, title="The edge restarts", detail="The edge restarts. Try again.", retry_s=2
)
