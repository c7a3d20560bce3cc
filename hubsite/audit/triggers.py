"""The triggers by which the database refuses to change or delete entries of the audit.

On SQLite, Django changes a column by copying the table into a new one, which has no triggers. So a
migration that changes a column of the audit must call `make` again.
"""

from __future__ import annotations

from typing import Any

_SQLITE = (
    "CREATE TABLE IF NOT EXISTS hubsite_auditchanging (id integer PRIMARY KEY)",
    """
    CREATE TRIGGER IF NOT EXISTS audit_refuses_update BEFORE UPDATE ON hubsite_auditentry
    WHEN NOT EXISTS (SELECT 1 FROM hubsite_auditchanging)
    BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS audit_refuses_delete BEFORE DELETE ON hubsite_auditentry
    WHEN NOT EXISTS (SELECT 1 FROM hubsite_auditchanging)
    BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END
    """,
)
_POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION hubsite_audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('xcube_hub.audit', true) IS DISTINCT FROM 'changing' THEN
            RAISE EXCEPTION 'the audit only grows' USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF TG_OP = 'UPDATE' THEN RETURN NEW; END IF;
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE ON hubsite_auditentry
    FOR EACH ROW EXECUTE FUNCTION hubsite_audit_only_grows()
    """,
    """
    CREATE OR REPLACE TRIGGER audit_refuses_truncate BEFORE TRUNCATE ON hubsite_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION hubsite_audit_only_grows()
    """,
)
_GONE = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS audit_refuses_update",
        "DROP TRIGGER IF EXISTS audit_refuses_delete",
        "DROP TABLE IF EXISTS hubsite_auditchanging",
    ),
    "postgresql": (
        "DROP TRIGGER IF EXISTS audit_refuses_change ON hubsite_auditentry",
        "DROP TRIGGER IF EXISTS audit_refuses_truncate ON hubsite_auditentry",
        "DROP FUNCTION IF EXISTS hubsite_audit_only_grows()",
    ),
}


def make(apps: Any, schema_editor: Any) -> None:
    """Make the triggers, for a migration's `RunPython`."""
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        schema_editor.execute(statement)


def remove(apps: Any, schema_editor: Any) -> None:
    for statement in _GONE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)
