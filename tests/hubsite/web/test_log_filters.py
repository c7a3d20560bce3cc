"""What the log does not say."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client

from hubsite.web.log_filters import OneLine, WithoutSecrets

SECRET = "Zk3J9wqB7uXhT0mVn1Yc5rLs8dFgAeKp_-QiOtUvWxY"


def test_secrets_of_links_do_not_get_into_the_log():
    told = ("Internal Server Error", f"/hub/shared/{SECRET}/zip")
    record = logging.LogRecord("django.request", logging.ERROR, "", 1, "%s: %s", told, None)
    assert WithoutSecrets().filter(record)
    assert record.getMessage() == "Internal Server Error: /hub/shared/…/zip"
    plain = logging.LogRecord("django.request", logging.ERROR, "", 1, "%(a)s", ({"a": 1},), None)
    assert WithoutSecrets().filter(plain)
    assert plain.getMessage() == "1"


@pytest.fixture
def log(monkeypatch) -> io.StringIO:
    """What the hub's own handler writes, which Django's set-up made of the settings."""
    handlers = logging.getLogger().handlers
    handler = next(h for h in handlers if any(isinstance(f, OneLine) for f in h.filters))
    written = io.StringIO()
    monkeypatch.setattr(handler, "stream", written)
    return written


@pytest.mark.parametrize(
    ("path", "host"),
    [("/login/", "127.0.0.1%00"), ("/login/?" + "&a" * 2000, "localhost")],
    ids=["a wrong host", "many parameters"],
)
def test_a_suspicious_request_is_one_line(log, path, host):
    assert Client().get(path, HTTP_HOST=host).status_code == 400
    assert len(log.getvalue().splitlines()) <= 2
    assert "Traceback" not in log.getvalue()


def test_no_logger_writes_secrets_of_links(log):
    logging.getLogger("django.security.csrf").warning("Forbidden: %s", f"/shared/{SECRET}/")
    assert "/shared/…/" in log.getvalue()
