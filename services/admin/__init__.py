"""Services in the admin: profiles, instances, and who may open them."""

from . import access, instances, layers, profiles  # noqa: F401 - importing registers the pages
