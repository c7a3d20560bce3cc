from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from hubsite.console import admin_index, changes, navigation, slots
        from hubsite.console.navigation import Entry
        from hubsite.console.overview import Panel
        from hubsite.console.overview import register as register_panel
        from hubsite.coordination import queues, ticks
        from hubsite.web import serving_began

        from . import checks, metrics, people_board  # noqa: F401  (registers the checks)
        from .leaks import kinds as leaks
        from .notices import kinds, reading
        from .pages import overview, sharing
        from .sharing import waiting
        from .tokens import last_use
        from .units import dashboard

        metrics.register()
        leaks.register()
        serving_began.call(last_use.begin)
        kinds.register(
            kinds.UNITS_LOW,
            kinds.UNITS_EXPIRE,
            kinds.SHARED,
            kinds.WEBHOOK_OFF,
            kinds.WEBHOOK_TEST,
        )
        waiting.listen()
        for section, names in (
            (admin_index.PEOPLE, "User Role Subscription Client AccessToken Identity"),
            (admin_index.UNITS, "LedgerEntry Balance MonthlyGrant ExpiringUnits"),
            (admin_index.SHARING, "Share ShareableRole Notice NoticeMail Webhook WebhookDelivery"),
            (admin_index.DETAILS, "GeodbRegistration ActingEntry"),
        ):
            models = [f"accounts.{name}" for name in names.split()]
            admin_index.list_in(section, *models, position=10)
        navigation.register(Entry(_("Overview"), "overview", 5, navigation.signed_in))
        for position, name, look in (
            (10, "units", overview.units_panel),
            (20, "notices", overview.notices_panel),
            (30, "shared", overview.shared_panel),
        ):
            template = f"accounts/overview/{name}.html"
            register_panel(Panel(name, template, look, position=position, is_aside=True))
        navigation.register(Entry(_("Shared"), "shared-list", 30, navigation.signed_in))
        slots.fill("dashboard", "accounts/dashboard.html", dashboard.of_units, position=2)
        slots.fill("dashboard", "accounts/people_board.html", people_board.of_people, position=2)
        slots.fill("sharing", "sharing/of_subject.html", sharing.of_subject)
        ticks.every(30, "accounts.tasks.register_in_geodb", queue=queues.OUTSIDE)
        ticks.housekeeping("accounts.tasks.delete_expired_tokens", deletes=True)
        ticks.housekeeping("accounts.tasks.delete_device_requests", deletes=True)
        ticks.housekeeping("accounts.tasks.delete_expired_sessions", deletes=True)
        ticks.housekeeping("accounts.sharing.retention.forget_ended", deletes=True)
        ticks.housekeeping("accounts.tasks.grant_monthly_units")
        ticks.housekeeping("accounts.tasks.expire_units")
        ticks.every(600, "accounts.tasks.notify_of_low_units", queue=queues.OUTSIDE)
        ticks.housekeeping("accounts.tasks.notify_of_expiring_units")
        ticks.every(10, "accounts.tasks.send_mails", queue=queues.OUTSIDE)
        ticks.every(10, "accounts.tasks.send_webhooks", queue=queues.OUTSIDE)
        ticks.every(15, "accounts.tasks.delete_persons", queue=queues.OUTSIDE)
        ticks.housekeeping("accounts.tasks.forget_notices", deletes=True)
        navigation.register(
            Entry(_("Notices"), "notices", 40, navigation.signed_in, reading.count_shown)
        )
        changes.watch("notices", reading.cursor)
