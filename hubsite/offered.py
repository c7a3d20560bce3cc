"""The services of the hub that its apps offer, as `GET /services` and the switches name them.

    offered.offer(Service("xcube_gen", ready="Cubes can be generated.", ...))

in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A service of the hub, which operators can suspend (`hubsite/switches.py`).

    `switched_off` returns why a setting switches the service off as a whole, `is_offered` whether
    this hub has what the service needs at all. `end_work(actor, message)` ends the work in progress
    and returns how much it was; `on_resume` starts what waits.
    """

    name: str
    ready: str
    unable: str
    switched_off: Callable[[], str | None] = lambda: None
    is_offered: Callable[[], bool] = lambda: True
    end_work: Callable[[str, str], int] | None = None
    on_resume: Callable[[], object] | None = None


_services: dict[str, Service] = {}


def offer(service: Service) -> None:
    _services[service.name] = service


def by_name() -> Mapping[str, Service]:
    return _services
