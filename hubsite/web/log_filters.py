"""Filters of the log."""

import logging
import re

_SECRET = re.compile(r"(/shared/)[\w-]{20,}")


class NotOverload(logging.Filter):
    """Drops lines about answers 503, because these are expected: the caller tries again."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != 503


class OneLine(logging.Filter):
    """Leaves out the traceback of a request that Django refuses as suspicious.

    Whoever sends such requests, with a wrong Host or thousands of parameters, cannot fill the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security"):
            record.exc_info = record.exc_text = record.stack_info = None
        return True


class WithoutSecrets(logging.Filter):
    """Hides the secrets of links, which are part of paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _SECRET.sub(r"\1…", part) if isinstance(part, str) else part for part in record.args
            )
        return True
