"""A database that is full, locked, read-only or away: 503 and one line, for API and pages."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client

from hubsite.health.database_faults import RETRY_AFTER_S, why_unavailable
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def raised_by(statement: str, *, database: sqlite3.Connection) -> Exception:
    with pytest.raises(sqlite3.Error) as caught:
        database.execute(statement)
    error = OperationalError(str(caught.value))
    error.__cause__ = caught.value
    return error


@pytest.fixture
def sqlite(tmp_path):
    path = tmp_path / "its.sqlite3"
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    database.execute("CREATE TABLE t (x)")
    yield path, database
    database.close()


def test_conditions_of_sqlite_are_told_apart_from_faults_of_ours(sqlite, tmp_path):
    path, database = sqlite
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in why_unavailable(raised_by("INSERT INTO t VALUES (1)", database=database))
    other.rollback()
    other.close()
    read_only = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert "written" in why_unavailable(raised_by("INSERT INTO t VALUES (1)", database=read_only))
    database.execute("PRAGMA max_page_count = 2")
    big = "INSERT INTO t VALUES (zeroblob(100000))"
    assert "full" in why_unavailable(raised_by(big, database=database))
    assert why_unavailable(raised_by("SELECT * FROM absent", database=database)) is None


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (psycopg.errors.DiskFull(), "full"),
        (psycopg.errors.TooManyConnections(), "lacks"),
        (psycopg.errors.AdminShutdown(), "does not answer"),
        (psycopg.errors.LockNotAvailable(), "locked"),
        (psycopg.errors.DeadlockDetected(), "locked"),
        (psycopg.errors.ReadOnlySqlTransaction(), "written"),
        (psycopg.OperationalError("connection refused"), "does not answer"),
        (psycopg.errors.UndefinedTable(), None),
        (psycopg.errors.NumericValueOutOfRange(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_conditions_of_postgresql_are_told_apart_from_faults_of_ours(cause, told):
    kind = OperationalError if isinstance(cause, psycopg.OperationalError) else DatabaseError
    error = kind("x")
    error.__cause__ = cause
    why = why_unavailable(error)
    assert told in why if told else why is None


def test_a_lost_connection_and_what_it_led_to_are_found():
    assert why_unavailable(InterfaceError("connection already closed"))
    later = RuntimeError("the session was interrupted")
    later.__context__ = OperationalError("lost")
    assert why_unavailable(later)
    for error in (None, ValueError("x"), IntegrityError("x")):
        assert why_unavailable(error) is None


@pytest.fixture
def operator():
    """A browser of an operator, on a database in which nothing can be written any more."""
    user = make_user(permissions=("manage:cubegens", "operate:hub"), is_staff=True)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA query_only = ON")
    else:
        connection.cursor().execute("SET default_transaction_read_only = on")
    yield client
    connection.close()


def one_line(caplog) -> str:
    (line,) = [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")]
    assert line.exc_info is None
    return line.getMessage()


def test_the_api_answers_503_in_its_own_shape_with_one_line_in_the_log(operator, caplog):
    told = operator.post(
        "/api/v2/users/me/tokens",
        {"name": "mine", "scopes": ["manage:cubegens"], "days": 1},
        content_type="application/json",
    )
    assert told.status_code == 503, told.content
    assert told["Retry-After"] == str(RETRY_AFTER_S)
    assert told["Content-Type"] == "application/problem+json"
    assert "database" in told.json()["detail"]
    assert "it cannot be written: POST /api/v2/users/me/tokens" in one_line(caplog)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/", {"name": "mine", "scopes": ["manage:cubegens"], "days": "1"}),
        ("/admin/accounts/role/add/", {"name": "a role"}),
        ("/logout/", {}),
    ],
)
def test_pages_and_the_admin_answer_503_as_a_page(path, form, operator, caplog):
    told = operator.post(path, form)
    assert told.status_code == 503, told.content[:300]
    assert told["Retry-After"] == str(RETRY_AFTER_S)
    assert "please try again in a minute" in told.content.decode()
    assert f"POST {path}" in one_line(caplog)


def test_what_only_reads_is_answered_still(operator):
    assert operator.get("/api/v2/users/me").status_code == 200
