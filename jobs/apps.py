"""Cube generation as a Django app: what the site and accounts get of it, subject by subject.

Imports stand beside what they are for, because models can be imported only when apps are ready.
"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Cube generation")

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

    from .discovery import keeping
    from .queue import suspending
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
    followers.register("runs", make_follower)
    draining.when_resumed(suspending.launch_waiting)
    keeping.listen()


def _health() -> None:
    from . import health, metrics

    health.register()
    metrics.register()


def _owners() -> None:
    """What accounts ask of the jobs of a person."""
    from accounts import own_data as data_of_persons
    from accounts import user_counts
    from accounts.deletion import also
    from accounts.leaks import finding
    from accounts.notices import kinds
    from accounts.units import purposes

    from . import notices
    from .models import Job
    from .owners import deletion, leaks, own_data, spending
    from .pages import shared
    from .results import sharing

    also(stop=deletion.stop, forget=deletion.forget, foresee=deletion.foresee)
    finding.register(leaks.RUN, leaks.find, leaks.revoke)
    user_counts.register("running", _("Jobs running"), Job.objects.live_and_active)
    purposes.register(spending.PURPOSE)
    data_of_persons.also("cubes", own_data.rows)
    kinds.register(*notices.KINDS.values())
    sharing.register(shared.show)


def _user_pages() -> None:
    from hubsite.console import changes, navigation, saved_filters, slots
    from hubsite.console import overview as overviews
    from hubsite.console.navigation import Entry
    from hubsite.console.saved_filters import FilteredPage

    from .pages import cubes, offer, overview, use_by_store

    navigation.register(Entry(_("My cubes"), "cubes", 10, navigation.signed_in))
    navigation.register(Entry(_("Data"), "stores", 15, navigation.signed_in))
    saved_filters.register(FilteredPage("cubes", "cubes", cubes.may_list))
    slots.fill("home", "jobs/stores_of_home.html", offer.offered_stores)
    slots.fill("home-last", "jobs/first_cube_of_home.html", offer.how_to_begin)
    slots.fill("overview-actions", "jobs/new_cube_button.html", overview.actions)
    slots.fill("units-use", "jobs/use_by_store.html", use_by_store.by_store)
    panel = overviews.Panel("cubes", "jobs/overview.html", overview.cubes_panel, position=10)
    overviews.register(panel)
    changes.watch("jobs", cubes.cursor)


def _admin_pages() -> None:
    from hubsite.console import admin_index, admin_pages, changes, saved_filters, slots
    from hubsite.console.admin_pages import AdminPage
    from hubsite.console.saved_filters import FilteredPage

    from . import dashboard
    from .operators.engines_page import engines_page
    from .operators.stores_page import stores_page
    from .owners import person

    saved_filters.register(
        FilteredPage(
            "admin:jobs_job",
            "admin:jobs_job_changelist",
            may_see=dashboard.may_see,
            may_share=dashboard.may_see,
            has_widgets=True,
        )
    )
    slots.fill("dashboard", "jobs/dashboard.html", dashboard.of_jobs, position=1)
    slots.fill("person", "jobs/person.html", person.of_person)
    changes.watch("all-jobs", dashboard.cursor, is_apart=True)
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
