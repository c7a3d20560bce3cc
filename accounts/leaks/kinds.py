"""The kinds of secrets that accounts give out, for `finding`."""

from __future__ import annotations

from . import secrets, tokens
from .finding import register as add


def register() -> None:
    """Called when the app is ready."""
    add(tokens.TOKEN, tokens.find, tokens.revoke)
    add(tokens.IDENTITY, lambda words: [], tokens.refuse_until_now)  # `tokens.find` finds them
    add(secrets.CLIENT, secrets.find_clients, secrets.revoke_client)
    add(secrets.LINK, secrets.find_links, secrets.withdraw_link)
    add(secrets.BROWSER, secrets.find_browsers, secrets.end_browser)
    add(secrets.DEVICE, secrets.find_devices, secrets.refuse_device)
    add("webhook", secrets.find_webhook_secrets)
