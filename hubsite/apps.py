"""The site itself as a Django app: its checks, commands and housekeeping."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HubsiteConfig(AppConfig):
    name = "hubsite"
    verbose_name = _("Site")

    def ready(self) -> None:
        from . import checks
        from .audit import admin_log, presenting
        from .configuration.in_force_page import settings_page
        from .console import admin_index, admin_pages, navigation, slots
        from .console.admin_pages import AdminPage
        from .console.navigation import Entry
        from .coordination import queues, ticks
        from .health import dashboard, metrics, parts, site
        from .health.queue_page import queue_page
        from .translations import model_names

        model_names.translate_names()
        admin_index.list_in(admin_index.DAILY, "hubsite.AuditEntry", "hubsite.Switch", position=40)
        admin_index.list_in(admin_index.DETAILS, "hubsite.SwitchEvent", position=40)
        navigation.register(Entry(_("Docs"), "docs", 80))
        navigation.register(Entry(_("Admin"), "admin:index", 90, navigation.staff))
        slots.fill("dashboard", "hubsite/dashboard.html", dashboard.of_parts)
        slots.fill("dashboard", "hubsite/admin_pages.html", admin_pages.of_dashboard, position=3)
        for page in (
            AdminPage(
                "queue",
                _("Task queue"),
                _("Is the background work healthy? What is late, what has failed?"),
                queue_page,
            ),
            AdminPage(
                "settings",
                _("Settings in force"),
                _("Every setting, its value, and where it is from."),
                settings_page,
            ),
        ):
            admin_pages.register(page)
        slots.fill("person", "hubsite/audit/of_person.html", presenting.of_person)
        site.register()
        metrics.register(metrics.of_parts, kept_s=parts.KEPT_S)
        checks.log_former_names()
        admin_log.listen()
        ticks.every(5, "hubsite.tasks.beat_outside", queue=queues.OUTSIDE)
        ticks.housekeeping("hubsite.tasks.forget_failed_ticks", deletes=True)
        ticks.housekeeping("hubsite.tasks.forget_unreachable_ticks")
        ticks.housekeeping("hubsite.audit.changing.forget_old", deletes=True)
