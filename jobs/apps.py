"""Cube generation as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Cube generation")

    def ready(self) -> None:
        from accounts import own_data, user_counts
        from accounts.deletion import also
        from accounts.leaks import finding
        from accounts.notices import kinds
        from accounts.units import purposes
        from hubsite.console import (
            admin_index,
            admin_pages,
            changes,
            navigation,
            saved_filters,
            slots,
        )
        from hubsite.console.admin_pages import AdminPage
        from hubsite.console.navigation import Entry
        from hubsite.console.overview import Panel
        from hubsite.console.overview import register as register_panel
        from hubsite.console.saved_filters import FilteredPage
        from hubsite.coordination import queues, ticks
        from hubsite.engines import draining, followers

        from . import checks, dashboard, health, metrics  # noqa: F401
        from .discovery import keeping
        from .models import Job
        from .operators.engines_page import engines_page
        from .operators.stores_page import stores_page
        from .owners import deletion, leaks, notices, person, spending  # noqa: F401
        from .owners import own_data as own_data_of_jobs
        from .pages import cubes, offer, overview, shared, use_by_store
        from .queue import suspending  # noqa: F401
        from .results import sharing
        from .running.following import make_follower

        ticks.every(5, "jobs.tasks.sweep")
        ticks.on_demand("jobs.tasks.launch_due")
        ticks.on_demand("jobs.tasks.remove_objects", queue=queues.OUTSIDE)
        ticks.on_demand("jobs.tasks.remove_outputs", queue=queues.OUTSIDE)
        ticks.every(60, "jobs.tasks.count_hours", queue=queues.OUTSIDE)
        ticks.every(60, "jobs.tasks.rerun_due", queue=queues.OUTSIDE)
        ticks.every(5, "jobs.tasks.forecast_starts", queue=queues.OUTSIDE)
        ticks.on_demand("jobs.tasks.look_into_engines", queue=queues.OUTSIDE)
        ticks.on_demand("jobs.tasks.refresh_stores", queue=queues.OUTSIDE)
        ticks.housekeeping("jobs.tasks.forget_stores", deletes=True)
        ticks.housekeeping("jobs.tasks.forget_code", deletes=True)
        ticks.housekeeping("jobs.tasks.forget_requests", deletes=True)
        ticks.housekeeping("jobs.tasks.forget_idempotency_keys", deletes=True)
        ticks.housekeeping("jobs.tasks.forget_quicklooks", deletes=True)
        ticks.housekeeping("jobs.tasks.forget_hours", deletes=True)
        ticks.housekeeping("jobs.tasks.forget_engine_looks", deletes=True)
        also(stop=deletion.stop, forget=deletion.forget, foresee=deletion.foresee)
        followers.register("runs", make_follower)
        navigation.register(Entry(_("My cubes"), "cubes", 10, navigation.signed_in))
        navigation.register(Entry(_("Data"), "stores", 15, navigation.signed_in))
        saved_filters.register(FilteredPage("cubes", "cubes", cubes.may_list))
        saved_filters.register(
            FilteredPage(
                "admin:jobs_job",
                "admin:jobs_job_changelist",
                may_see=dashboard.may_see,
                may_share=dashboard.may_see,
                has_widgets=True,
            )
        )
        slots.fill("home", "jobs/stores_of_home.html", offer.offered_stores)
        slots.fill("home-last", "jobs/first_cube_of_home.html", offer.how_to_begin)
        slots.fill("dashboard", "jobs/dashboard.html", dashboard.of_jobs)
        finding.register(leaks.RUN, leaks.find, leaks.revoke)
        slots.fill("person", "jobs/person.html", person.of_person)
        user_counts.register("running", _("Jobs running"), Job.objects.live_and_active)
        slots.fill("overview-actions", "jobs/new_cube_button.html", overview.actions)
        register_panel(Panel("cubes", "jobs/overview.html", overview.cubes_panel, position=10))
        purposes.register(spending.PURPOSE)
        slots.fill("units-use", "jobs/use_by_store.html", use_by_store.by_store)
        own_data.also("cubes", own_data_of_jobs.rows)
        changes.watch("jobs", cubes.cursor)
        changes.watch("all-jobs", dashboard.cursor, is_apart=True)
        kinds.register(*notices.KINDS.values())
        sharing.register(shared.show)
        keeping.listen()
        health.register()
        draining.when_resumed(suspending.launch_waiting)
        admin_index.list_in(admin_index.DAILY, "jobs.Job", position=10)
        admin_pages.register(
            AdminPage(
                "engines",
                _("Engines"),
                _("Places and who holds them; let an engine take no new work."),
                engines_page,
            )
        )
        admin_pages.register(
            AdminPage(
                "stores",
                _("Data stores"),
                _("Whether each answers, its prices, how many data sets it holds."),
                stores_page,
            )
        )
        metrics.register()
