"""The site's own tables, for Django to find."""

from .coordination.lock import Lock

__all__ = ["Lock"]
