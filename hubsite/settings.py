"""Django settings of the hub, made from the table of `configuration/table.py`."""

from __future__ import annotations

import os
import re
import sys
from urllib.parse import urlsplit

import environ

from . import __version__
from .configuration.faults import unusable_folder
from .configuration.reading import BASE_DIR, ConfigurationError, environment, read
from .configuration.table import (
    SETTINGS,
    WITHOUT_MEANING,
    callback_hosts,
    every_setting,
    known_names,
)
from .start.secrets import read_or_make

# Only the hub's own user may read its files. The runner has another umask: others read cubes.
ORIGINAL_UMASK = os.umask(0o077)

try:
    _environment = environment()
    _reading = read(SETTINGS, _environment, known=known_names())
except ConfigurationError as error:
    sys.exit(f"The configuration cannot be used:\n{error}")
HUB, HUB_GIVEN, HUB_WARNINGS = _reading
_hub = every_setting(_reading)
HUB_FORMER_NAMES = {name: given for name, given in HUB_GIVEN.items() if given != name}
HUB_WITHOUT_MEANING = {name: why for name, why in WITHOUT_MEANING.items() if name in _environment}

DATA_DIR = _hub.data_dir
PRODUCTION = _hub.env == "production"
DEBUG = _hub.debug

SECRET_KEY_IS_EMBEDDED = not _hub.secret_key
STATIC_ROOT = DATA_DIR / "static"
try:
    SECRET_KEY = _hub.secret_key or read_or_make(DATA_DIR / "secret-key")
    STATIC_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)  # WhiteNoise warns without it
except OSError as error:
    sys.exit(f"The configuration cannot be used:\n{unusable_folder(DATA_DIR, error)}")
TOKEN_SECRETS_ARE_EMBEDDED = not (_hub.token_secrets or _hub.token_secrets_file)
TOKEN_SECRETS = _hub.token_secrets  # if empty (accounts/tokens/signing_keys.py):
TOKEN_SECRETS_FILE = _hub.token_secrets_file or DATA_DIR / "token-secret"

_pins = BASE_DIR / "requirements-xcube.in"
_pin = _pins.read_text().partition("xcube-core==")[2] if _pins.is_file() else ""
XCUBE_VERSION = _pin.partition("\n")[0] or None

# Runs on this machine report to the address that web binds, past any proxy.
ALLOWED_HOSTS = [*_hub.allowed_hosts, *callback_hosts(_hub.callback_url)]
API_PATH = "api/v2/"

# The proxy removes the path of the public URL; links, cookies and redirects contain it.
_public_url = urlsplit(_hub.public_url)
PUBLIC_PATH = _public_url.path
FORCE_SCRIPT_NAME = PUBLIC_PATH or None

INSTALLED_APPS = [
    "hubsite",
    "accounts",
    "jobs",
    "services",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
]

MIDDLEWARE = [
    "hubsite.web.slashes.SlashesMiddleware",
    "hubsite.web.head.HeadMiddleware",
    "hubsite.api.cors.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hubsite.api.limits.RequestLimitMiddleware",
    "hubsite.web.cookies.CookieMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hubsite.web.languages.LanguageMiddleware",
    "hubsite.audit.middleware.AuditMiddleware",
    "accounts.sign_on.renewal.SessionRenewalMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "hubsite.web.content_security_policy.ContentSecurityPolicyMiddleware",
]

ROOT_URLCONF = "hubsite.urls"
WSGI_APPLICATION = "hubsite.web.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hubsite.console.navigation.entries",
            ],
        },
    },
]

# Database. SQLite: a writing transaction waits for the lock at its BEGIN (IMMEDIATE), because it
# could fail if it began with a read. Writers never block readers (WAL). Every commit is synced,
# so accepted jobs survive a power failure.
_database = environ.Env.db_url_config(_hub.database_url)
IS_SQLITE = _database["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds; then the request is answered 503
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
        "PRAGMA foreign_keys=ON; PRAGMA cache_size=-2000;",  # kB for each of many threads
    }
    _database["CONN_MAX_AGE"] = None
else:
    _options = _database.setdefault("OPTIONS", {})
    _options.setdefault("connect_timeout", 5)
    # PostgreSQL compiles statements that it thinks are long. Ours are short, if indexes are used,
    # but it compiled some of 25 ms for more than a second.
    _options.setdefault("options", "-c jit=off")
    _database["CONN_MAX_AGE"] = 60
    _database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = [
    "accounts.sign_on.password.PasswordBackend",
    "accounts.sign_on.backend.OidcBackend",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"

EMAIL_TIMEOUT = 10
if _hub.email_url:
    vars().update(environ.Env.email_url_config(_hub.email_url))

# Pages are shown in the reader's language (hubsite/web/languages.py), all else is English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "hubsite" / "translations"]
LANGUAGE_COOKIE_NAME = "hub_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_PATH = f"{PUBLIC_PATH}/"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = PRODUCTION
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "hubsite.formats"

STATIC_URL = f"{PUBLIC_PATH}/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_AGE = _hub.session_lifetime_s
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{PUBLIC_PATH}/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = _hub.public_url.startswith("https:")
    # Probes and runs call the hub directly, without the proxy, so they may not be redirected.
    _prefix = re.escape(f"{PUBLIC_PATH}/".removeprefix("/"))
    SECURE_REDIRECT_EXEMPT = [
        rf"^{_prefix}{pattern}"
        for pattern in (
            r"health/",
            r"metrics$",
            r"internal/edge/",
            rf"{API_PATH}$",
            rf"{API_PATH}cubegens/[^/]+/(callbacks|code)$",
        )
    ]
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
CSRF_TRUSTED_ORIGINS = [f"{_public_url.scheme}://{_public_url.netloc}"]

# The largest bodies, checked before anything parses them (hubsite/api/limits.py).
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 4

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "hubsite.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["hubsite.api.rendering.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "hubsite.api.negotiation.AlwaysJSON",
    "DEFAULT_PARSER_CLASSES": ["hubsite.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "hubsite.api.schema.HubSchema",
    "EXCEPTION_HANDLER": "hubsite.api.handlers.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    # title, description and tags: hubsite/api/openapi.py
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v2",
    "SCHEMA_PATH_PREFIX_TRIM": True,
    "SERVERS": [{"url": f"{PUBLIC_PATH}/api/v2"}],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# Tasks are ticks of seconds, repeated by the sweep: a lost or repeated one loses and repeats
# nothing. `retry` is a lease that starts when a task is fetched and is never renewed, hence far
# above `timeout`; a task that failed is not retried (ack_failures): the next tick does its work.
Q_CLUSTER = {
    "name": "hub",
    "label": "Task queue",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "recycle": 500,
    "max_rss": 300_000,  # kB
    "queue_limit": 8,
    "bulk": 4,
    "poll": 0.2,
    "save_limit": -1,  # keep no row for a finished task
    "catch_up": False,
    "scheduler": False,  # the observer asks for the ticks (hubsite/coordination/ticks.py)
    "guard_cycle": 1,
    # Started with Q_CLUSTER_NAME=outside: it serves a queue of that name. Five, so that geoDB,
    # GeoServer, a mail server and webhooks that all hang leave one process for the rest.
    "ALT_CLUSTERS": {"outside": {"workers": 5, "poll": 0.5}},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "filters": {
        "faults": {"()": "hubsite.web.log_filters.NotOverload"},
        "secrets": {"()": "hubsite.web.log_filters.WithoutSecrets"},
        "one line": {"()": "hubsite.web.log_filters.OneLine"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["secrets", "one line"],  # of a handler, so they hold for every logger
        }
    },
    "root": {"handlers": ["stderr"], "level": _hub.log_level},
    "loggers": {
        "django-q": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR", "filters": ["faults"]},
    },
}
