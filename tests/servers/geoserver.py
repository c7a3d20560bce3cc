"""A stand-in for a GeoServer, which cannot be had here: catalogue by REST, maps by WMS and WFS.

It answers as GeoServer's documentation says. Workspaces, data stores, feature types and layers
are made by POST of JSON (201), read with `.json` (200, 404), changed by PUT, deleted by DELETE.
A duplicate is answered 409 (workspace) or 500 (others). A feature type is made together with its
layer; only a table that the database has can be published. A feature type that a layer uses is
not deleted (403) without `recurse=true`. With it a store takes its layers along, and a layer its
styles. Every call needs HTTP Basic authentication.

`handle` is the whole of it; `geoserver_server` puts it behind HTTP. `faults` are names of what
goes wrong with the next calls: see `FAULTS`.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

FAULTS = (
    "lost before",  # the connection breaks before the call has effect
    "lost after",  # the call has effect, and its answer is lost
    "500 before",
    "500 after",
    "503",
    "twice",  # a proxy sends the call twice; the second answer arrives
    "half",  # a feature type is made without its layer, then an error
    "garbage",  # an answer of a proxy in HTML, with 200
    "401",
)
USER, PASSWORD = "admin", "geoserver-secret"


class Lost(Exception):
    """There is no answer."""


@dataclass
class GeoServer:
    """The catalogue, and how it is made to fail."""

    tables: set[str] = field(default_factory=set)
    """Names of the tables in the database; `*` stands for every name."""
    workspaces: set[str] = field(default_factory=set)
    stores: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    types: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    layers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    faults: deque[str | None] = field(default_factory=deque)
    hanging: threading.Event | None = None
    """While it is set to an event, calls wait for that."""
    broken_maps: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = "http://geoserver.test/geoserver"

    def handle(self, method: str, target: str, body: Any, auth: tuple[str, str] | None):
        """Status and content of the answer. Raises Lost."""
        self.requests.append((method, target))
        fault = self.faults.popleft() if self.faults else None
        if fault in ("lost before", "500 before", "503", "401", "garbage"):
            return self._fail(fault)
        if fault == "half" and method == "POST" and target.endswith("/featuretypes"):
            self._answer(method, target, body)
            ws, name = target.split("/")[3], body["featureType"]["name"]
            self.layers.pop((ws, name), None)
            return 500, b"half"
        if auth != (USER, PASSWORD):
            return 401, b""
        answer = self._answer(method, target, body)
        if fault == "twice":
            answer = self._answer(method, target, body)
        return self._fail(fault) if fault in ("lost after", "500 after") else answer

    @staticmethod
    def _fail(fault: str | None) -> tuple[int, bytes]:
        if fault in ("lost before", "lost after"):
            raise Lost
        if fault == "garbage":
            return 200, b"<html><body>Welcome to this proxy</body></html>"
        # A real one tells its store's parameters in such texts.
        return int((fault or "500").split()[0]), b"org.geoserver.rest: passwd=gis-secret"

    def _answer(self, method: str, target: str, body: Any) -> tuple[int, bytes]:
        parts = urlsplit(target)
        query = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removesuffix(".json") if method == "GET" else parts.path
        steps = [unquote(step) for step in path.strip("/").split("/")]
        if steps[0] != "rest":
            return self._map(steps, query)
        recurse = query.get("recurse") == "true"
        match steps[1:]:
            case ["layers"]:
                names = [{"name": f"{ws}:{name}"} for ws, name in sorted(self.layers)]
                return _json({"layers": {"layer": names} if names else ""})
            case ["workspaces"]:
                return self._new_workspace(body["workspace"]["name"])
            case ["workspaces", ws]:
                return _json({"workspace": {"name": ws}}) if ws in self.workspaces else (404, b"")
            case ["workspaces", ws, "datastores"] if ws in self.workspaces:
                return self._new_store(ws, body["dataStore"])
            case ["workspaces", ws, "datastores", store]:
                return self._store(method, (ws, store), body, recurse)
            case ["workspaces", ws, "datastores", store, "featuretypes"]:
                return self._new_type(ws, store, body["featureType"])
            case ["workspaces", ws, "datastores", store, "featuretypes", name]:
                return self._type(method, (ws, store, name), body, recurse)
            case ["workspaces", ws, "layers", name]:
                return self._layer(method, (ws, name), body, recurse)
        return 404, b""

    def _new_workspace(self, name: str) -> tuple[int, bytes]:
        if name in self.workspaces:
            return 409, b"exists"
        self.workspaces.add(name)
        return 201, name.encode()

    def _new_store(self, ws: str, store: dict[str, Any]) -> tuple[int, bytes]:
        if (ws, store["name"]) in self.stores:
            return 500, b"Store already exists"
        self.stores[ws, store["name"]] = store
        return 201, store["name"].encode()

    def _store(self, method: str, key: tuple[str, str], body: Any, recurse: bool):
        store = self.stores.get(key)
        if store is None:
            return 404, b""
        if method == "PUT":
            store.update(body["dataStore"])
        elif method == "DELETE":
            inside = [of for of in self.types if of[:2] == key]
            if inside and not recurse:
                return 403, b"not empty"
            for of in inside:
                del self.types[of]
                self.layers.pop((of[0], of[2]), None)
            del self.stores[key]
        return _json({"dataStore": store})

    def _new_type(self, ws: str, store: str, document: dict[str, Any]) -> tuple[int, bytes]:
        name = document["name"]
        if (ws, store) not in self.stores:
            return 404, b""
        if (ws, store, name) in self.types or (ws, name) in self.layers:
            return 500, b"Resource already exists"
        if not self.tables & {name, "*"}:
            return 400, b"no attributes were specified"
        self.types[ws, store, name] = {
            **document,
            "srs": "EPSG:4326",
            "nativeBoundingBox": {"minx": 5.8, "maxx": 15.1, "miny": 47.2, "maxy": 55.1},
        }
        self.layers[ws, name] = {
            "name": name,
            "type": "VECTOR",
            "defaultStyle": {"name": "polygon"},
            "resource": {
                "@class": "featureType",
                "name": f"{ws}:{name}",
                "href": f"{self.url}/rest/workspaces/{ws}/datastores/{store}/featuretypes/"
                f"{name}.json",
            },
        }
        return 201, b""

    def _type(self, method: str, key: tuple[str, str, str], body: Any, recurse: bool):
        found = self.types.get(key)
        if found is None:
            return 404, b""
        if method == "PUT":
            found.update(body["featureType"])
        elif method == "DELETE":
            if (key[0], key[2]) in self.layers and not recurse:
                return 403, b"feature type referenced by layer(s)"
            del self.types[key]
            self.layers.pop((key[0], key[2]), None)
        return _json({"featureType": found})

    def _layer(self, method: str, key: tuple[str, str], body: Any, recurse: bool):
        found = self.layers.get(key)
        if found is None:
            return 404, b""
        if method == "PUT":
            found.update(body["layer"])
        elif method == "DELETE":
            del self.layers[key]
        return _json({"layer": found})

    def _map(self, steps: list[str], query: dict[str, str]) -> tuple[int, bytes]:
        """WMS and WFS: of a workspace, or of one layer (virtual services)."""
        ws = steps[0]
        names = [name for of, name in sorted(self.layers) if of == ws]
        if len(steps) == 3:
            names = [name for name in names if name == steps[1]]
        match query.get("service"), query.get("request"):
            case "WMS", "GetCapabilities":
                inner = "".join(f"<Layer><Name>{name}</Name></Layer>" for name in names)
                return 200, _WMS.format(inner).encode()
            case "WFS", "GetCapabilities":
                inner = "".join(
                    f"<FeatureType><Name>{ws}:{name}</Name></FeatureType>" for name in names
                )
                return 200, _WFS.format(inner).encode()
            case "WMS", "GetMap":
                name = query["layers"].partition(":")[2]
                if (ws, name) in self.layers and name not in self.broken_maps:
                    return 200, png(int(query["width"]), int(query["height"]))
        return 200, _EXCEPTION

    def of_database(self, workspace: str, database: str) -> set[str]:
        return {name for ws, store, name in self.types if (ws, store) == (workspace, database)}


_WMS = (
    '<?xml version="1.0"?><WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms">'
    "<Service><Name>WMS</Name></Service><Capability><Layer><Title>all</Title>{}</Layer>"
    "</Capability></WMS_Capabilities>"
)
_WFS = (
    '<?xml version="1.0"?><wfs:WFS_Capabilities version="2.0.0" '
    'xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns="http://www.opengis.net/wfs/2.0">'
    "<FeatureTypeList>{}</FeatureTypeList></wfs:WFS_Capabilities>"
)
_EXCEPTION = (
    b'<?xml version="1.0"?><ServiceExceptionReport version="1.1.1">'
    b'<ServiceException code="LayerNotDefined">x</ServiceException></ServiceExceptionReport>'
)


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    )


def _json(document: Any) -> tuple[int, bytes]:
    return 200, json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    geoserver: GeoServer
    prefix = "/geoserver"

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.geoserver.hanging is not None:
            self.geoserver.hanging.wait()
        kind, _, secret = self.headers.get("Authorization", "").partition(" ")
        auth = None
        if kind == "Basic":
            user, _, password = base64.b64decode(secret).decode().partition(":")
            auth = (user, password)
        try:
            status, content = self.geoserver.handle(
                self.command,
                self.path.removeprefix(self.prefix),
                json.loads(body) if body else None,
                auth,
            )
        except Lost:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the base class's names


@contextmanager
def geoserver_server(*tables: str) -> Iterator[GeoServer]:
    """A stand-in on loopback whose database has these tables."""
    geoserver = GeoServer(set(tables))
    handler = type("Handler", (_Handler,), {"geoserver": geoserver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    geoserver.url = f"http://127.0.0.1:{server.server_port}/geoserver"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield geoserver
    finally:
        if geoserver.hanging is not None:
            geoserver.hanging.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
