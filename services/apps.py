"""Services as a Django app: what the site, accounts and jobs get of it, subject by subject.

Imports stand beside what they are for, because models can be imported only when apps are ready.
"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServicesConfig(AppConfig):
    name = "services"
    verbose_name = _("Services")

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers the checks)

        _background_work()
        _health()
        _owners()
        _user_pages()
        _admin_pages()


def _background_work() -> None:
    from hubsite.coordination import queues, ticks
    from hubsite.engines import draining, followers
    from jobs.output import output_changes

    from .running import suspending
    from .running.following import make_follower
    from .xcube_server import live

    ticks.every(5, "services.tasks.sweep")
    ticks.on_demand("services.tasks.start_due")
    ticks.on_demand("services.tasks.refresh_due")
    ticks.on_demand("services.tasks.remove_objects", queue=queues.OUTSIDE)
    ticks.every(5, "services.tasks.follow_logs", queue=queues.OUTSIDE)
    ticks.every(15, "services.tasks.publish_layers", queue=queues.OUTSIDE)
    ticks.every(300, "services.tasks.reconcile_layers", queue=queues.OUTSIDE)
    ticks.housekeeping("services.access.entering.forget_tickets", deletes=True)
    ticks.housekeeping("services.access.entering.forget_sessions", deletes=True)
    ticks.housekeeping("services.tasks.forget_start_keys", deletes=True)
    followers.register("services", make_follower)
    draining.when_resumed(suspending.start_waiting)
    output_changes.listen(live.output_changed)


def _health() -> None:
    from . import health, metrics
    from .geoserver import health as geoserver

    health.register()
    geoserver.register()
    metrics.register()


def _owners() -> None:
    """What accounts ask of the services of a person."""
    from accounts import own_data as data_of_persons
    from accounts.deletion import also
    from accounts.leaks import finding
    from accounts.notices import kinds
    from accounts.units import purposes

    from . import notices
    from .access import sharing
    from .geoserver import deletion as geoserver
    from .owners import deletion, leaks, own_data, spending
    from .pages import sharing as shared_pages

    also(stop=deletion.stop, forget=deletion.forget, foresee=deletion.foresee)
    also(stop=geoserver.stop, forget=geoserver.forget)
    finding.register(leaks.SESSION, leaks.find_sessions, leaks.end_session)
    finding.register(leaks.TICKET, leaks.find_tickets, leaks.tear_ticket)
    purposes.register(spending.PURPOSE)
    data_of_persons.also("services", own_data.rows)
    kinds.register(*notices.KINDS)
    sharing.register(shared_pages.show)


def _user_pages() -> None:
    from hubsite.api import cors
    from hubsite.console import changes, navigation, slots
    from hubsite.console import overview as overviews
    from hubsite.console.navigation import Entry

    from .pages import offer, overview, viewers

    cors.also("/geodb_geoserver/")
    cors.also("/user/")  # Cate's first web UI
    cors.also("/webapi/")
    navigation.register(Entry(_("Services"), "services", 20, navigation.signed_in))
    slots.fill("home", "services/services_of_home.html", offer.offered_services)
    slots.fill("job-actions", "services/open_in_viewer.html", viewers.viewer_button)
    overviews.register(
        overviews.Panel("services", "services/overview.html", overview.services_panel, position=20)
    )
    changes.watch("services", viewers.cursor)


def _admin_pages() -> None:
    from hubsite.console import admin_index, slots

    from . import dashboard
    from .owners import person

    slots.fill("dashboard", "services/dashboard.html", dashboard.of_services, position=1)
    slots.fill("person", "services/person.html", person.of_person)
    admin_index.list_in(
        admin_index.DAILY, "services.ServiceInstance", "services.ServiceProfile", position=20
    )
    admin_index.list_in(admin_index.DAILY, "services.Layer", position=30)
    admin_index.list_in(
        admin_index.DETAILS, "services.StrayLayer", "services.EdgeSession", position=20
    )
