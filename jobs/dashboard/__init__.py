"""What the admin's first page says of cube generation. Its cost does not grow with the jobs."""

from .panels import cursor, may_see, of_jobs

__all__ = ["cursor", "may_see", "of_jobs"]
