"""`manage.py check_cluster`, as a hub with some kubeconfig runs it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from tests.servers.kubernetes.api import until

Rows = dict[str, dict[str, str]]
CALLBACK_URL = "https://hub.example.org/api/v2"


class Check:
    """The command, as a hub with this kubeconfig runs it."""

    def __init__(self, settings: Any, kubeconfig: Path) -> None:
        self._settings = settings
        self.set(
            KUBECONFIG=str(kubeconfig),
            XCUBE_HUB_RUN_LOCAL="1",
            XCUBE_HUB_ENGINE="kubernetes",
            XCUBE_HUB_CALLBACK_URL=CALLBACK_URL,
        )

    def set(self, **given: Any) -> None:
        """As if the environment said so."""
        self._settings.HUB = {**self._settings.HUB, **given}

    def rows(self, *arguments: str) -> Rows:
        """The rows by what was looked at; the exit code goes with them."""
        output = io.StringIO()
        code = 0
        try:
            call_command("check_cluster", "--json", *arguments, stdout=output)
        except CommandError as error:
            code = error.returncode
        document = json.loads(output.getvalue())
        rows = {row["what"]: row for row in document["rows"]}
        has_failed = any(row["outcome"] == "failed" for row in rows.values())
        assert (document["ok"], code) == (not has_failed, int(has_failed))
        assert all(bool(row["remedy"]) == (row["outcome"] != "ok") for row in rows.values())
        return rows

    def row(self, what: str, *arguments: str) -> dict[str, str]:
        return self.rows(*arguments)[what]

    def outcome(self, what: str) -> str:
        row = self.rows().get(what)
        return row["outcome"] if row else "absent"

    def until(self, what: str, outcome: str) -> dict[str, str]:
        """The row, once it is so: the API server learns of some changes a moment later."""

        def look() -> dict[str, str] | None:
            row = self.rows().get(what)
            return row if row and row["outcome"] == outcome else None

        return until(look, f"{what} that is {outcome}")
