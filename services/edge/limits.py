"""Every bound of the edge. Reaching one is a clear answer, never a hang."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times are in seconds, sizes in bytes. Tests use shorter ones."""

    connections: int = 4000
    """Open connections of clients. A further one closes the one that was idle longest."""
    per_instance: int = 256
    """Requests and WebSockets of one instance at once; a further one is answered 503."""
    per_grant: int = 128
    """The same for one right, that is, for one browser; a further one is answered 429."""

    line_bytes: int = 8190
    """The longest request line, and the longest single header."""
    head_bytes: int = 64 * KIB
    """The largest head of a request, and of an answer."""
    headers: int = 100
    body_bytes: int = 100 * MIB
    """The largest body of a request; beyond it is answered 413."""
    message_bytes: int = 4 * MIB
    """The largest message of a WebSocket."""

    head_s: float = 30.0
    """How long a client may take for the head of a request, and how long it may be idle before."""
    stall_s: float = 60.0
    """How long a client may keep us waiting while it sends a body or takes an answer."""
    upload_s: float = 900.0
    """How long a client may take to send a whole body."""
    answer_s: float = 300.0
    """How long an instance may think before it answers, and between two parts of an answer."""
    connect_s: float = 5.0
    heartbeat_s: float = 30.0
    """How often the edge pings the client of a WebSocket, to notice one that is gone."""

    page_wait_s: float = 1.0
    """How long a page load waits for a service that starts, before it sees the waiting page."""
    hold_s: float = 20.0
    """How long any other request waits for a service that starts, before it is answered 503."""
    state_s: float = 10.0
    """How long the waiting page's question may wait for the service."""

    decide_s: float = 5.0
    """How long a new decision may take, tries included, while web restarts."""
    deciding: int = 200
    """Decisions under way at once; a further one is answered 503."""
    decisions: int = 20_000
    """Remembered decisions; the oldest one is forgotten first."""
    allow_s: float = 60.0
    """How long a right counts after the hub confirmed it last."""
    deny_s: float = 2.0
    unused_s: float = 30.0
    """A decision for an instance that was not used for so long is asked again, because the
    instance may be asleep. Must be shorter than the shortest idle time of profiles (60 s)."""
    report_s: float = 2.0

    linger_s: float = 5.0
    """How long a connection that is being closed may take for what is still to be sent."""
    drain_s: float = 5.0
    """How long open requests may go on when the edge stops."""


LIMITS = Limits()
