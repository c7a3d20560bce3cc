"""Filters of the log."""

import logging


class NotOverload(logging.Filter):
    """Drops lines about answers 503, because these are expected: the caller tries again."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != 503
