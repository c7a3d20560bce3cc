"""The commands of `manage.py`: what those that change something leave in the audit."""

from __future__ import annotations

OF_COMMANDS = {
    "correct_units --email owner@example.org --units 5 --reason so": "units.corrected",
    "create_client --email new@example.org --permission manage:cubegens": "user.made",
    "create_client --email owner@example.org --permission read:hub": "user.roles_changed",
    "create_client --email owner@example.org --permission manage:cubegens": "client.made",
    "create_service_account --name shop --permission create:users": "client.made",
    "engines drain local --message maintenance": "engine.drained",
    "engines drain local --message maintenance; engines resume local": "engine.resumed",
    "forget_person --email stranger@example.org --yes": "user.deleted",
    "grant_units --email owner@example.org --units 5": "units.granted",
    "issue_token --email owner@example.org": "token.made",
    "jobs cancel {job_id}": "job.cancelled",
    "layers adopt geodb_g-1:land_roads": "layer.adopted",
    "layers publish --user owner@example.org --database land --collection roads": "layer.requested",
    "layers remove geodb_g-1:land_use": "layer.removed",
    "layers verify geodb_g-1:land_use": "layer.repaired",
    "revoke_token --email owner@example.org": "token.revoked",
    "rotate_signing_key": "key.rotated",
    "service suspend xcube_gen --message maintenance; service resume xcube_gen": "service.resumed",
    "service suspend xcube_gen --message maintenance": "service.suspended",
    "services start --user owner@example.org --configuration {file}": "instance.requested",
    "services stop {instance_id}": "instance.stopped",
    "stores refresh @demo": "store.probed",
}
"""Commands that change something, and what the last of a line must leave in the audit."""


COMMANDS_THAT_READ = {
    "check_cluster",
    "check_ledger",
    "check_stores",
    "commands",
    "engines list",
    "jobs list",
    "jobs logs",
    "jobs show",
    "layers list",
    "observe",
    "qcluster",
    "recount_usage",
    "runner_package",
    "service list",
    "services list",
    "services logs",
    "services show",
    "show_settings",
    "start",
    "stores list",
    "stores show",
    "usage_report",
}
"""Also those that keep the hub running, and one that makes sums from jobs and ledger anew."""
