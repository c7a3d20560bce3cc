"""The site itself as a Django app: its checks, commands and housekeeping."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HubsiteConfig(AppConfig):
    name = "hubsite"
    verbose_name = _("Site")

    def ready(self) -> None:
        from . import checks
        from .audit import admin_log, presenting
        from .console import navigation, slots
        from .console.navigation import Entry
        from .coordination import queues, ticks
        from .health import dashboard, metrics, parts, site

        navigation.register(Entry(_("Docs"), "docs", 80))
        navigation.register(Entry(_("Admin"), "admin:index", 90, navigation.staff))
        slots.fill("dashboard", "hubsite/dashboard.html", dashboard.of_parts)
        slots.fill("person", "hubsite/audit/of_person.html", presenting.of_person)
        site.register()
        metrics.register(metrics.of_parts, kept_s=parts.KEPT_S)
        checks.log_former_names()
        admin_log.listen()
        ticks.every(5, "hubsite.tasks.beat_outside", queue=queues.OUTSIDE)
        ticks.housekeeping("hubsite.tasks.forget_failed_ticks", deletes=True)
        ticks.housekeeping("hubsite.tasks.forget_unreachable_ticks", deletes=True)
        ticks.housekeeping("hubsite.audit.changing.forget_old", deletes=True)
