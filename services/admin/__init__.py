"""Services in the admin: profiles, and who may open instances."""

from . import access, profiles  # noqa: F401 - importing registers the pages
