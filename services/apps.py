"""Services as a Django app."""

from django.apps import AppConfig


class ServicesConfig(AppConfig):
    name = "services"
    verbose_name = "Services"

    def ready(self) -> None:
        from accounts.deletion import also
        from hubsite.coordination import queues, ticks
        from hubsite.engines import followers
        from jobs import output_changes

        from . import deletion, health, metrics
        from .following import make_follower
        from .xcube_server import live

        ticks.every(5, "services.tasks.sweep")
        ticks.on_demand("services.tasks.start_due")
        ticks.on_demand("services.tasks.refresh_due")
        ticks.on_demand("services.tasks.remove_objects", queue=queues.OUTSIDE)
        ticks.housekeeping("services.access.entering.forget_tickets", deletes=True)
        ticks.housekeeping("services.access.entering.forget_sessions", deletes=True)
        ticks.housekeeping("services.start_keys.forget_old", deletes=True)
        also(stop=deletion.stop, forget=deletion.forget)
        health.register()
        metrics.register()
        followers.register("services", make_follower)
        output_changes.listen(live.output_changed)
