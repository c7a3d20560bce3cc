"""The hub's database and secrets, and nothing else of it: Django and DRF as they are."""

from hubsite.settings import *  # noqa: F403

INSTALLED_APPS = [
    "accounts",
    "jobs",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # sets Content-Length
TEMPLATES: list[dict] = []
ROOT_URLCONF = "tests.benchmarks.bare_site"
REST_FRAMEWORK: dict = {}
