"""The site itself as a Django app: its checks and commands."""

from django.apps import AppConfig


class HubsiteConfig(AppConfig):
    name = "hubsite"
    verbose_name = "Site"

    def ready(self) -> None:
        from . import checks
        from .health import metrics, parts, site

        site.register()
        metrics.register(metrics.of_parts, kept_s=parts.KEPT_S)
        checks.log_former_names()
