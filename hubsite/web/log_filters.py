"""What the log leaves out."""

import logging


class NotOverload(logging.Filter):
    """Drops answers 503: the caller was told to come back, nothing is broken here."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != 503
