"""Settings of the accounts' rooms, as one object: `from accounts.settings import hub`."""

from __future__ import annotations

from .notices.settings import NoticesSettings
from .sharing.settings import SharingSettings
from .sign_on.settings import SignOnSettings
from .subscriptions.settings import GeodbSettings
from .tokens.settings import TokenSettings
from .units.settings import UnitsSettings


class AccountsSettings(
    TokenSettings,
    SignOnSettings,
    UnitsSettings,
    NoticesSettings,
    SharingSettings,
    GeodbSettings,
):
    """Everything about accounts, and the site's own settings."""


hub = AccountsSettings()
