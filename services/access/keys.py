"""Keys: a session at the edge whose secret is part of a URL.

For apps of other origins that take one URL of a service and nothing else, such as the Cate app:
it sends no token with its requests, and a browser sends none with a WebSocket. A key is a right
of its user to one instance. It ends as other sessions do: with the instance, the right, the
account or its password, and after a day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.sharing.secrets import hash_of, new_secret

from ..models import EdgeSession, ServiceInstance
from .rights import password_mark

PATH = "/.xcube-hub/key/"
"""What the edge expects before a key, below the path of an instance (`services/edge/keys.py`)."""
KEY_LASTS = timedelta(days=1)
"""As long as Cate's sign-on lasts."""


def make_key(instance: ServiceInstance, user: Any) -> str:
    """A new key of this user, whose right the caller has checked. Returns its secret."""
    secret = new_secret()
    EdgeSession.objects.create(
        token_hash=hash_of(secret),
        instance=instance,
        user=user,
        password_mark=password_mark(user.password),
        expires_at=timezone.now() + KEY_LASTS,
    )
    return secret
