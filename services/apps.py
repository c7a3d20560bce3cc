"""Services as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServicesConfig(AppConfig):
    name = "services"
    verbose_name = _("Services")

    def ready(self) -> None:
        from accounts import own_data
        from accounts.deletion import also
        from accounts.leaks import finding
        from accounts.notices import kinds
        from accounts.units import purposes
        from hubsite.api import cors
        from hubsite.console import admin_index, changes, navigation, slots
        from hubsite.console.navigation import Entry
        from hubsite.console.overview import Panel
        from hubsite.console.overview import register as register_panel
        from hubsite.coordination import queues, ticks
        from hubsite.engines import draining, followers
        from jobs.output import output_changes

        from . import checks, dashboard, health, metrics  # noqa: F401  (registers the checks)
        from .access import sharing
        from .geoserver import deletion as geoserver_deletion
        from .geoserver import health as geoserver
        from .owners import (  # noqa: F401  (registers the checks)
            deletion,
            leaks,
            notices,
            person,
            spending,
        )
        from .owners import own_data as own_data_of_services
        from .pages import offer, overview, viewers
        from .pages import sharing as shared_pages
        from .running import suspending  # noqa: F401  (registers the checks)
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
        ticks.housekeeping("services.submission.start_keys.forget_old", deletes=True)
        also(stop=deletion.stop, forget=deletion.forget, foresee=deletion.foresee)
        kinds.register(*notices.KINDS)
        sharing.register(shared_pages.show)
        cors.also("/geodb_geoserver/")
        cors.also("/user/")  # Cate's first web UI
        cors.also("/webapi/")
        health.register()
        draining.when_resumed(suspending.start_waiting)
        geoserver.register()
        also(stop=geoserver_deletion.stop, forget=geoserver_deletion.forget)
        metrics.register()
        admin_index.list_in(
            admin_index.DAILY, "services.ServiceInstance", "services.ServiceProfile", position=20
        )
        admin_index.list_in(admin_index.DAILY, "services.Layer", position=30)
        admin_index.list_in(
            admin_index.DETAILS, "services.StrayLayer", "services.EdgeSession", position=20
        )
        navigation.register(Entry(_("Services"), "services", 20, navigation.signed_in))
        slots.fill("home", "services/services_of_home.html", offer.offered_services)
        slots.fill("dashboard", "services/dashboard.html", dashboard.of_services)
        finding.register(leaks.SESSION, leaks.find_sessions, leaks.end_session)
        finding.register(leaks.TICKET, leaks.find_tickets, leaks.tear_ticket)
        slots.fill("person", "services/person.html", person.of_person)
        slots.fill("job-actions", "services/open_in_viewer.html", viewers.viewer_button)
        register_panel(
            Panel("services", "services/overview.html", overview.services_panel, position=20)
        )
        purposes.register(spending.PURPOSE)
        own_data.also("services", own_data_of_services.rows)
        changes.watch("services", viewers.cursor)
        followers.register("services", make_follower)
        output_changes.listen(live.output_changed)
