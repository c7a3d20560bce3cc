from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from accounts.sign_on import documents
from accounts.sign_on.providers import Provider

from . import issuer


@pytest.fixture
def configure(settings) -> Iterator[Callable[..., Provider]]:
    """Makes these the hub's providers, with their keys fetched; returns the first."""
    documents.forget_all()

    def with_providers(*providers: Provider, **values) -> Provider:
        settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": providers, **values}
        for its in providers:
            issuer.publish(its)
        return providers[0]

    yield with_providers
    documents.forget_all()
