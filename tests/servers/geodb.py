"""A stand-in for the geoDB's PostgREST, which cannot be had here: a table of users, databases.

It answers as PostgREST's documentation says: POST of an array inserts (201), a key that is
there already 409 with code 23505, PATCH with `?column=eq.value` updates (204), a wrong or
expired token 401, a role that may not write 403 with code 42501, an unknown column 400 with code
PGRST204. It checks the HS256 signature of the token with any of its secrets (a JSON Web Key Set
as `jwt-secret`) and takes the role from the claim that `jwt-role-claim-key` would name.

`POST /rpc/…` calls functions of the geoDB, as its public SQL has them: `geodb_list_databases`
gives the databases of the role that asks, `geodb_get_my_collections` the collections of one
database with its owner, whoever asks. Both answer `[{"src": null}]` if there is none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

ROLE_CLAIM = "https://geodb.brockmann-consult.de/dbrole"
COLUMNS = ("user_name", "start_date", "subscription", "cells")


class Geodb:
    """What the stand-in holds, and how it is made to fail."""

    def __init__(self, secrets: list[str]) -> None:
        self.secrets = secrets
        self.columns: tuple[str, ...] = COLUMNS
        self.rows: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.failures: list[int] = []
        """Statuses to answer before anything else is looked at."""
        self.roles_seen: list[str] = []
        self.databases: dict[str, str] = {}
        """Name to the role that owns it."""
        self.tables: list[str] = []
        """`<database>_<collection>`."""
        self.hanging: threading.Event | None = None
        """While it is set to an event, calls wait for that."""
        self.url = ""

    def role(self, header: str) -> str | None:
        for secret in self.secrets:
            try:
                claims = jwt.decode(
                    header.removeprefix("Bearer "),
                    secret,
                    algorithms=["HS256"],
                    options={"verify_aud": False, "require": ["exp"]},
                )
            except jwt.PyJWTError:
                continue
            return claims.get(ROLE_CLAIM, "anonymous")
        return None


class _Handler(BaseHTTPRequestHandler):
    geodb: Geodb

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """`/rpc/geodb_whoami`, a function of the geoDB: the role of the token."""
        role = self._admitted()
        if role is not None:
            self._answer(200, role)

    def do_POST(self) -> None:
        body = self._body()
        if self.geodb.hanging is not None:
            self.geodb.hanging.wait()
        role = self._admitted()
        if role is not None and self.path.startswith("/rpc/"):
            self._call(self.path.removeprefix("/rpc/"), role, body)
            return
        if role is not None and self._may_write(role) and self._knows(body[0]):
            name = body[0]["user_name"]
            if name in self.geodb.rows:
                self._fail(409, "23505", "duplicate key value violates unique constraint")
            else:
                self.geodb.rows[name] = body[0]
                self._answer(201, None)

    def do_PATCH(self) -> None:
        body = self._body()
        role = self._admitted()
        if role is not None and self._may_write(role) and self._knows(body):
            (condition,) = parse_qs(urlsplit(self.path).query)["user_name"]
            row = self.geodb.rows.get(condition.removeprefix("eq."))
            if row is not None:
                row.update(body)
            self._answer(204, None)

    def _call(self, function: str, role: str, arguments: dict[str, Any]) -> None:
        databases = self.geodb.databases
        match function:
            case "geodb_list_databases":
                found = [
                    {"id": number, "name": name, "owner": owner, "iss": None}
                    for number, (name, owner) in enumerate(databases.items())
                    if owner == role
                ]
            case "geodb_get_my_collections":
                found = [
                    {
                        "owner": databases[database],
                        "database": database,
                        "collection": table.removeprefix(f"{database}_"),
                    }
                    for table in self.geodb.tables
                    if (database := self._database_of(table)) == arguments["database"]
                ]
            case "geodb_log_event":
                self._answer(200, None)
                return
            case _:
                self._fail(404, "PGRST202", "Could not find the function in the schema cache")
                return
        self._answer(200, [{"src": found or None}])

    def _database_of(self, table: str) -> str | None:
        """The longest name of a database that the name of the table begins with."""
        names = [name for name in self.geodb.databases if table.startswith(f"{name}_")]
        return max(names, default=None)

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")

    def _admitted(self) -> str | None:
        self.geodb.requests.append((self.command, self.path))
        if self.geodb.failures:
            self._fail(self.geodb.failures.pop(0), "PGRST001", "told to fail")
            return None
        role = self.geodb.role(self.headers.get("Authorization", ""))
        if role is None:
            self._fail(401, "PGRST301", "JWSError JWSInvalidSignature")
        else:
            self.geodb.roles_seen.append(role)
        return role

    def _may_write(self, role: str) -> bool:
        if role == "geodb_admin":
            return True
        self._fail(403, "42501", "permission denied for table geodb_user_info")
        return False

    def _knows(self, row: dict[str, Any]) -> bool:
        unknown = [name for name in row if name not in self.geodb.columns]
        if unknown:
            self._fail(400, "PGRST204", f"Could not find the '{unknown[0]}' column")
        return not unknown

    def _fail(self, status: int, code: str, message: str) -> None:
        self._answer(status, {"code": code, "message": message, "details": None, "hint": None})

    def _answer(self, status: int, body: Any) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def geodb_server(*secrets: str) -> Iterator[Geodb]:
    """A stand-in on loopback that trusts tokens signed with any of `secrets`."""
    geodb = Geodb(list(secrets))
    handler = type("Handler", (_Handler,), {"geodb": geodb})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    geodb.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield geodb
    finally:
        if geodb.hanging is not None:
            geodb.hanging.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
