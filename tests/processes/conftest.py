from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .hubprocess import HubProcess


@pytest.fixture(scope="module")
def start_hub(tmp_path_factory) -> Iterator[Callable[..., HubProcess]]:
    """Starts hubs, each in a new data folder if none is given, and removes them at the end."""
    hubs: list[HubProcess] = []

    def start(*arguments: str, data_dir=None, **environment: str) -> HubProcess:
        data_dir = data_dir or tmp_path_factory.mktemp("hub")
        hubs.append(HubProcess(data_dir, *arguments, **environment))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.remove()


@pytest.fixture(scope="module")
def hub(start_hub) -> HubProcess:
    """A hub without a runner, ready."""
    hub = start_hub("--without", "runner", "--port", "0")
    hub.wait_for("is ready: ")
    return hub
