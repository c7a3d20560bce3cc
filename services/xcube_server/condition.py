"""What a server cannot show now: datasets that are broken, and those that were left out."""

from __future__ import annotations

from jobs.stores.catalogue import load_catalogue
from jobs.stores.stores_file import StoresFileError
from services.models import OVER_STATES, ServiceInstance

from .payload import left_out


def broken_datasets(instance: ServiceInstance) -> dict[str, str]:
    """The datasets and stores that an instance does not show, each with the reason.

    It has what the server reported (`instance.broken`), and the datasets of stores that may be
    read no longer. Reads the instance's document and profile.
    """
    if instance.state in OVER_STATES:
        return {}
    try:
        catalogue = load_catalogue()
    except StoresFileError:
        return dict(instance.broken)  # no server is built from that file either
    missing = left_out(instance.document.configuration, catalogue, instance.profile)
    return {**missing, **instance.broken}
