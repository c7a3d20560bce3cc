"""The hub's settings for tests: a database file of its own, which threads and servers share."""

from hubsite.settings import *  # noqa: F403
from hubsite.settings import DATA_DIR, DATABASES, IS_SQLITE

if IS_SQLITE:
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
