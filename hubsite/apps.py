"""The site itself as a Django app: its checks, commands and housekeeping."""

from django.apps import AppConfig


class HubsiteConfig(AppConfig):
    name = "hubsite"
    verbose_name = "Site"

    def ready(self) -> None:
        from . import checks
        from .coordination import queues, ticks
        from .health import metrics, parts, site

        site.register()
        metrics.register(metrics.of_parts, kept_s=parts.KEPT_S)
        checks.log_former_names()
        ticks.every(5, "hubsite.tasks.beat_outside", queue=queues.OUTSIDE)
        ticks.housekeeping("hubsite.tasks.forget_failed_ticks", deletes=True)
        ticks.housekeeping("hubsite.tasks.forget_unreachable_ticks", deletes=True)
