"""Finds a database that a newer version of the hub has migrated.

An older version can start on it, and then fails in the middle: columns that it does not know must
have values, rows have states that it does not know.
"""

from __future__ import annotations

from django.db.migrations.loader import MigrationLoader

OURS = ("accounts", "hubsite", "jobs", "services")


def why_too_new(loader: MigrationLoader) -> str | None:
    """A sentence that names migrations of a newer version; None if there are none.

    A migration is newer if its number is: those of other branches or squashed ones do not count.
    """
    known = dict.fromkeys(OURS, 0)
    for app, name in loader.disk_migrations:
        if app in known:
            known[app] = max(known[app], _number(name))
    newer = [
        f"{app}.{name}"
        for app, name in sorted(loader.applied_migrations)
        if app in known and _number(name) > known[app]
    ]
    if not newer:
        return None
    return f"The database was migrated by a newer version of the hub ({', '.join(newer)})."


REMEDY = (
    "Install that version again, let it migrate back (`manage.py migrate APP NUMBER`), or restore "
    "the backup that was made before the upgrade."
)


def _number(name: str) -> int:
    digits = name.partition("_")[0]
    return int(digits) if digits.isdecimal() else 0
