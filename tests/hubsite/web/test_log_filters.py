"""What the log does not say."""

from __future__ import annotations

import logging

from hubsite.web.log_filters import WithoutSecrets

SECRET = "Zk3J9wqB7uXhT0mVn1Yc5rLs8dFgAeKp_-QiOtUvWxY"


def test_secrets_of_links_do_not_get_into_the_log():
    told = ("Internal Server Error", f"/hub/shared/{SECRET}/zip")
    record = logging.LogRecord("django.request", logging.ERROR, "", 1, "%s: %s", told, None)
    assert WithoutSecrets().filter(record)
    assert record.getMessage() == "Internal Server Error: /hub/shared/…/zip"
    plain = logging.LogRecord("django.request", logging.ERROR, "", 1, "%(a)s", ({"a": 1},), None)
    assert WithoutSecrets().filter(plain)
    assert plain.getMessage() == "1"
