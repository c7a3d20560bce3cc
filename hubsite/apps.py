"""The site itself as a Django app: its checks and commands."""

from django.apps import AppConfig


class HubsiteConfig(AppConfig):
    name = "hubsite"
    verbose_name = "Site"

    def ready(self) -> None:
        from . import checks

        checks.log_former_names()
