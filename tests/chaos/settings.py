"""The hub's settings, with short stand-ins instead of most cube generations."""

from hubsite.settings import *  # noqa: F403
from hubsite.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.apps.ChaosConfig"]
