"""A database of the version before the lock moved to the site is migrated with its rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from hubsite.coordination.lock import Lock

BEFORE = [("jobs", "0002_made_at"), ("hubsite", None)]


@pytest.mark.django_db(transaction=True)
def test_rows_of_the_lock_survive_its_move() -> None:
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    try:
        old = executor.loader.project_state([("jobs", "0002_made_at")]).apps.get_model(
            "jobs", "Lock"
        )
        expires_at = timezone.now() + timedelta(seconds=9)
        old.objects.create(name="observer-local", holder="host/1/ab", expires_at=expires_at)
        old.objects.create(name="launch")
    finally:
        MigrationExecutor(connection).migrate(latest)
    rows = Lock.objects.order_by("name").values_list("name", "holder", "expires_at")
    assert list(rows) == [("launch", "", None), ("observer-local", "host/1/ab", expires_at)]
    Lock.objects.create(name="n" * 200)
