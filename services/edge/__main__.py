"""`python -m services.edge`: the edge as a process."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .limits import LIMITS
from .places import Addresses
from .serving import Options, allow_many_files, serve

SECRET = "XCUBE_HUB_EDGE_SECRET"  # noqa: S105
SHORTEST_SECRET = 32


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process with a sentence if something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m services.edge",
        description="The proxy in front of all services of the hub.",
        epilog=f"The secret that it shares with the hub comes by {SECRET} or --secret-file.",
    )
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT", help="0 is a free port")
    parser.add_argument("--hub", required=True, metavar="URL", help="where web answers")
    parser.add_argument(
        "--public-url", required=True, metavar="URL", help="such as https://*.services.example.org"
    )
    parser.add_argument("--secret-file", type=Path, metavar="FILE")
    parser.add_argument(
        "--viewer-files",
        type=Path,
        metavar="FILE",
        help="where the runner publishes the viewer's program",
    )
    parser.add_argument(
        "--upload-bytes",
        type=int,
        default=LIMITS.body_bytes,
        metavar="BYTES",
        help="largest body of a request (%(default)s)",
    )
    given = parser.parse_args(arguments)
    address, port = _listen(given.listen, parser)
    try:
        Addresses(given.public_url)
    except ValueError as error:
        parser.error(f"--public-url: {error}")
    if urlsplit(given.hub).scheme not in ("http", "https"):
        parser.error("--hub: expected a URL such as http://127.0.0.1:8080")
    limits = dataclasses.replace(
        LIMITS,
        body_bytes=given.upload_bytes,
        connections=allow_many_files(LIMITS.connections),
    )
    return Options(
        address=address,
        port=port,
        hub_url=given.hub,
        secret=_secret(given.secret_file, parser),
        public_url=given.public_url,
        viewer_files=given.viewer_files,
        limits=limits,
    )


def _listen(text: str, parser: argparse.ArgumentParser) -> tuple[str, int]:
    address, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        parser.error("--listen: expected an address and a port such as 127.0.0.1:8081")
    return address.strip("[]"), int(port)


def _secret(file: Path | None, parser: argparse.ArgumentParser) -> str:
    """The secret; it leaves the environment, which other processes of this user can read."""
    secret = os.environ.pop(SECRET, "")
    if file is not None:
        try:
            secret = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f"--secret-file: it cannot be read: {error}")
    if len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.isprintable():
        parser.error(
            f"the secret must have at least {SHORTEST_SECRET} printable characters: "
            f"set {SECRET} or --secret-file"
        )
    return secret


def main() -> None:
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    options = read_options(sys.argv[1:])
    try:
        asyncio.run(serve(options))
    except OSError as error:
        sys.exit(f"The edge cannot listen on {options.address}:{options.port}: {error.strerror}")


if __name__ == "__main__":
    main()
