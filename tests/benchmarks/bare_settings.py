"""Django and DRF as they are: the baseline contains none of the hub's code.

The site reads one table of the hub's database, whose address is in BARE_DATABASE_URL.
"""

import environ

SECRET_KEY = "bare"  # it signs nothing
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True

DATABASES = {"default": {**environ.Env().db_url("BARE_DATABASE_URL"), "CONN_MAX_AGE": None}}
INSTALLED_APPS = ["rest_framework"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # sets Content-Length
ROOT_URLCONF = "tests.benchmarks.bare_site"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
