"""The admin pages of jobs. Django imports this package, which imports all of them."""

from . import job_admin

__all__ = ["job_admin"]
