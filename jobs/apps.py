"""Cube generation as a Django app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Cube generation"

    def ready(self) -> None:
        from accounts.deletion import also

        from . import checks, deletion, health, metrics  # noqa: F401  (registers the checks)

        also(stop=deletion.stop, forget=deletion.forget)
        health.register()
        metrics.register()
