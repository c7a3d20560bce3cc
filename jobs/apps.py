"""Cube generation as a Django app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Cube generation"

    def ready(self) -> None:
        from accounts.forgetting import also

        from . import checks, forgetting  # noqa: F401  (registers the checks)

        also(stop=forgetting.stop, forget=forgetting.forget)
