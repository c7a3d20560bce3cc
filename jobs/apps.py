"""Cube generation as a Django app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Cube generation"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers the checks)
