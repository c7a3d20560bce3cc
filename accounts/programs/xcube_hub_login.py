"""Get a personal token of an xcube-hub, after approval in a browser (RFC 8628).

In a terminal:    python xcube_hub_login.py login https://hub.example.org
In a notebook:    from xcube_hub_login import login
                  token = login("https://hub.example.org")

One file without requirements, for Python 3.8 and newer. The token is kept in a file that only you
can read; `logout` revokes it.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import platform
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode, urlsplit

__version__ = "1.0"
__all__ = ["LoginError", "login", "logout", "saved_token"]

CLIENT_ID = "xcube-hub-login"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LARGEST_ANSWER = 100_000
TIMEOUT_S = 30
SPARE_S = 300
"""A saved token that ends sooner than this is not used any more."""


class LoginError(Exception):
    """No token; the message says why."""


def login(
    url: str,
    *,
    scope: str = "",
    name: str = "",
    force: bool = False,
    open_browser: bool = True,
    show=print,
) -> str:
    """Return a token for the hub at `url`; ask for one in the browser if none is saved.

    Raises LoginError if it is denied, or not approved in time.
    """
    url = _checked(url)
    if not force:
        saved = saved_token(url)
        if saved:
            return saved
    known = _metadata(url)
    asked = _post(
        known["device_authorization_endpoint"],
        {"client_id": CLIENT_ID, "client_name": name or _own_name(), "scope": scope},
    )
    _invite(asked, open_browser=open_browser, show=show)
    answer = _wait(known["token_endpoint"], asked)
    token = _text(answer, "access_token")
    _save(
        url,
        {
            "access_token": token,
            "expires_at": int(time.time()) + int(answer.get("expires_in") or 0),
            "scope": str(answer.get("scope", "")),
        },
    )
    show(f"Signed in. The token is kept in {_file()}")
    return token


def saved_token(url: str) -> str | None:
    """The saved token for this hub, if it lasts for some minutes yet."""
    entry = _read().get(_checked(url))
    if not isinstance(entry, dict) or not isinstance(entry.get("access_token"), str):
        return None
    if not isinstance(entry.get("expires_at"), int):
        return None
    return entry["access_token"] if entry["expires_at"] > time.time() + SPARE_S else None


def logout(url: str) -> bool:
    """Revoke the saved token and forget it; False if none was saved. Raises LoginError."""
    url = _checked(url)
    entry = _read().get(url)
    if not isinstance(entry, dict):
        return False
    _post(_metadata(url)["revocation_endpoint"], {"token": str(entry.get("access_token", ""))})
    _save(url, None)
    return True


def _checked(url: str) -> str:
    """The address of the hub without a slash at its end. Raises LoginError unless it is safe."""
    url = url.strip().rstrip("/")
    if url.endswith("/api/v2"):
        url = url[: -len("/api/v2")]
    parts = urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise LoginError("The hub's address must begin with https://")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise LoginError(f"The hub's address is not one: {url}")
    return url


def _metadata(url: str) -> dict:
    """Where this hub's endpoints are (RFC 8414). They must be at the hub itself."""
    found = _call(url + "/.well-known/oauth-authorization-server", None)
    for name in ("device_authorization_endpoint", "token_endpoint", "revocation_endpoint"):
        if _origin(_text(found, name)) != _origin(url):
            raise LoginError(
                f"The hub says that it is at {_plain(found.get('issuer'))}: use that address"
            )
    return found


def _origin(url: str) -> tuple:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _invite(asked: dict, *, open_browser: bool, show) -> None:
    complete = _plain(asked.get("verification_uri_complete"))
    show(f"Open {_plain(asked.get('verification_uri'))}")
    show(f"and type the code  {_plain(asked.get('user_code'))}")
    show(f"or open {complete} and compare the code.")
    if open_browser and complete.startswith(("https://", "http://localhost", "http://127.")):
        import webbrowser

        webbrowser.open(complete)


def _wait(endpoint: str, asked: dict) -> dict:
    """Poll until the token is there. Raises LoginError."""
    interval = max(1, min(60, int(asked.get("interval") or 5)))
    until = time.monotonic() + min(3600, int(asked.get("expires_in") or 600))
    body = {
        "grant_type": GRANT_TYPE,
        "device_code": _text(asked, "device_code"),
        "client_id": CLIENT_ID,
    }
    while time.monotonic() < until:
        time.sleep(interval)
        try:
            return _post(endpoint, body)
        except _Refused as refused:
            if refused.error == "slow_down":
                interval += 5
            elif refused.error != "authorization_pending":
                raise
        except _Unreachable:
            interval = min(60, 2 * interval)  # RFC 8628, section 3.5: back off exponentially
    raise LoginError("The code was not approved in time")


class _Refused(LoginError):
    def __init__(self, error: str, detail: str) -> None:
        self.error = error
        super().__init__(detail)


class _Unreachable(LoginError):
    pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could carry the secrets to another place."""

    def redirect_request(self, *args, **kwargs):
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def _post(url: str, members: dict) -> dict:
    return _call(url, urlencode(members).encode())


def _call(url: str, body: bytes | None) -> dict:
    request = urllib.request.Request(url, data=body, headers={"Accept": "application/json"})
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as answer:
            return _parsed(answer.read(LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= 500:
                raise _Unreachable(f"The hub cannot answer just now ({error.code})") from None
            if 300 <= error.code < 400:
                raise LoginError("The hub leads to another address: use that one") from None
            found = _parsed(error.read(LARGEST_ANSWER))
        detail = _plain(found.get("error_description")) or f"refused ({error.code})"
        raise _Refused(str(found.get("error")), detail) from None
    except OSError as error:
        raise _Unreachable(f"The hub does not answer: {error}") from None


def _parsed(body: bytes) -> dict:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LoginError("There is no xcube-hub at this address, or one without this way")
    return found


def _text(found: dict, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise LoginError(f"The hub's answer lacks {name}")
    return value


def _plain(value: object) -> str:
    """A text for the terminal, without control characters."""
    return "".join(c for c in value if c.isprintable())[:500] if isinstance(value, str) else ""


def _own_name() -> str:
    try:
        return f"{getpass.getuser()} on {platform.node()}"[:100]
    except (KeyError, OSError, ImportError):
        return platform.node()[:100]


def _file() -> Path:
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "xcube-hub" / "tokens.json"


def _read() -> dict:
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _save(url: str, entry: dict | None) -> None:
    """Replace the file in one step. It is never readable by others (mode 0600)."""
    path = _file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    entries = {**_read(), url: entry}
    descriptor, new = tempfile.mkstemp(dir=str(path.parent))  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({u: e for u, e in entries.items() if e is not None}, file, indent=2)
        Path(new).replace(path)
    except BaseException:
        Path(new).unlink()
        raise


def _say_what_next(url: str) -> None:
    print(
        f"""
xcube gen2: put these two lines into a file service.yml

    endpoint_url: {url}/api/v2/
    access_token: ${{HUB_TOKEN}}

and run

    export HUB_TOKEN="$(xcube-hub token {url})"
    xcube gen2 --service service.yml request.yml

geoDB does not take this token. Use a client id and secret of your account for it."""
    )


def main(arguments: list | None = None) -> int:
    parser = argparse.ArgumentParser(prog="xcube-hub", description="Sign in to an xcube-hub.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("login", "get a token after approval in a browser"),
        ("token", "print the saved token"),
        ("logout", "revoke the saved token and forget it"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("url", help="address of the hub, such as https://hub.example.org")
        if name == "login":
            command.add_argument("--scope", default="", help="what the token may do")
            command.add_argument("--name", default="", help="what to call the token")
            command.add_argument("--force", action="store_true", help="although one is saved")
            command.add_argument("--no-browser", action="store_true", help="open no browser")
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except LoginError as error:
        print(f"xcube-hub: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.command == "logout":
        print("Signed out." if logout(given.url) else "You were not signed in.")
        return 0
    if given.command == "token":
        token = saved_token(given.url)
        if not token:
            raise LoginError(f"no token is saved: run xcube-hub login {given.url}")
        print(token)
        return 0
    login(
        given.url,
        scope=given.scope,
        name=given.name,
        force=given.force,
        open_browser=not given.no_browser,
    )
    _say_what_next(_checked(given.url))
    return 0


if __name__ == "__main__":
    sys.exit(main())
