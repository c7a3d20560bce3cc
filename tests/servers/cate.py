"""A stand-in for Cate's web API. It is no Cate: it keeps workspaces, and only pretends to compute.

The real one needs an environment that cannot be had here. This follows what Cate 3 publishes:
`cate/webapi/start.py` (paths, command line), `cate/util/web/jsonrpchandler.py` (JSON-RPC 2.0 over
a WebSocket, with `response` in place of `result`, and progress), `cate/webapi/websocket.py`
(methods). It needs tornado and nothing of this repository, so any xcube environment and any image
with xcube can start it:

    python cate.py -p 4000 -a 127.0.0.1 -r /home/xcube/workspace
    python cate.py --socket /run/cate.sock -r …        (only the stand-in knows --socket)

Operations of `set_workspace_resource`: `wait` (seconds, with progress), `allocate` (bytes),
`exit` (code).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from datetime import date
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

VERSION = "3.1.3.standin"
# As in cate/util/web/jsonrpchandler.py.
INVALID_PARAMS, METHOD_NOT_FOUND, METHOD_ERROR, CANCELLED = -32602, -32601, -32003, 999
TILE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf50000003040180ae2f9c2b0000000049454e44ae426082"
)
WORKSPACE_FILE = "workspace.json"
_kept: list[bytearray] = []


class Handler(RequestHandler):
    """Answers pages of any origin, as Cate does."""

    def set_default_headers(self) -> None:
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Access-Control-Allow-Methods", "GET,PUT,DELETE,OPTIONS")

    def options(self, *path: str) -> None:
        self.set_status(204)

    @property
    def root(self) -> Path:
        return self.application.settings["root"]


class Info(Handler):
    def get(self) -> None:
        content = {
            "name": "cate-webapi",
            "version": VERSION,
            "timestamp": date.today().isoformat(),
            "user_root_mode": True,
            "host_os": "Linux",
            "dependencies": {},
        }
        self.write({"status": "ok", "content": content})


class Exit(Handler):
    def get(self) -> None:
        self.write({"status": "ok"})
        asyncio.get_running_loop().call_soon(os._exit, 0)


class Tile(Handler):
    """The same pixel for each resource that its workspace has."""

    def get(self, base_dir: str, resource: str, *numbers: str) -> None:
        workspace = read_workspace(self.root, base_dir)
        if all(step["name"] != resource for step in workspace["resources"]):
            self.write({"status": "error", "error": {"message": f'Unknown resource "{resource}"'}})
            return
        self.set_header("Content-Type", "image/png")
        self.finish(TILE)


class Upload(Handler):
    def post(self) -> None:
        folder = below(self.root, self.get_body_argument("dir"))
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.request.files["files"]:
            (folder / Path(file["filename"]).name).write_bytes(file["body"])
        self.write({"status": "success", "message": "Upload completed"})


class Rpc(WebSocketHandler):
    """One JSON-RPC connection; its calls run side by side."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self) -> None:
        self.calls: dict[int, asyncio.Task] = {}
        self.service = Service(self.application.settings["root"])

    def on_close(self) -> None:
        for call in self.calls.values():
            call.cancel()

    def on_message(self, message: str | bytes) -> None:
        call = json.loads(message)
        number, method, params = call["id"], call["method"], call.get("params") or []
        if method == "__cancel__":
            if (task := self.calls.get(params.get("id"))) is not None:
                task.cancel()
            self.tell(number, response=None)
        else:
            self.calls[number] = asyncio.ensure_future(self.call(number, method, params))

    async def call(self, number: int, method: str, params: Any) -> None:
        function = getattr(self.service, method, None)
        if method.startswith("_") or function is None:
            error = {"code": METHOD_NOT_FOUND, "message": f"Unsupported method: {method}"}
            return self.tell(number, error=error)
        self.service.progress = lambda **state: self.tell(number, progress=state)
        try:
            args, kwargs = (params, {}) if isinstance(params, list) else ([], params)
            result = function(*args, **kwargs)
            result = await result if asyncio.iscoroutine(result) else result
            self.tell(number, response=result)
        except asyncio.CancelledError:
            self.tell(number, error={"code": CANCELLED, "message": "Cancelled"})
        except TypeError as error:
            self.tell(number, error={"code": INVALID_PARAMS, "message": str(error)})
        except Exception as error:
            self.tell(number, error={"code": METHOD_ERROR, "message": str(error)})
        finally:
            self.calls.pop(number, None)

    def tell(self, number: int, **member: Any) -> None:
        if self.ws_connection is not None:
            self.write_message(json.dumps({"jsonrpc": "2.0", "id": number, **member}))


class Figure(WebSocketHandler):
    """A figure of matplotlib's WebAgg, which only sends back what it gets."""

    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


class Service:
    """The methods of Cate's WebSocketService that its app calls, in their spelling."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.progress: Any = None

    def keep_alive(self) -> None:
        """Say that a client is there."""

    def get_config(self) -> dict[str, Any]:
        return {"data_stores_path": None, "use_workspace_imagery_cache": False}

    def get_data_stores(self) -> list[dict[str, Any]]:
        return [
            {"id": "local", "title": "Local", "isLocal": True, "description": "", "notices": []}
        ]

    def get_operations(self) -> list[dict[str, Any]]:
        return [{"name": name, "inputs": [], "outputs": []} for name in ("allocate", "wait")]

    def get_color_maps(self) -> list[Any]:
        return []

    def get_preferences(self) -> dict[str, Any]:
        file = Path.home() / ".cate" / "preferences.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def set_preferences(self, prefs: dict[str, Any]) -> dict[str, Any]:
        file = Path.home() / ".cate" / "preferences.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**self.get_preferences(), **prefs}))
        return self.get_preferences()

    def list_workspace_names(self) -> list[str]:
        return sorted(file.parent.name for file in self._root.glob(f"*/{WORKSPACE_FILE}"))

    def new_workspace(self, base_dir: str, description: str | None = None) -> dict[str, Any]:
        workspace = {"base_dir": base_dir, "description": description, "resources": []}
        return self._save(workspace)

    def get_workspace(self, base_dir: str) -> dict[str, Any]:
        return read_workspace(self._root, base_dir)

    def save_workspace(self, base_dir: str) -> dict[str, Any]:
        return self.get_workspace(base_dir)

    async def set_workspace_resource(
        self, base_dir: str, op_name: str, op_args: dict[str, Any], res_name: str, overwrite: bool
    ) -> list[Any]:
        workspace, progress = self.get_workspace(base_dir), self.progress
        values = {name: argument["value"] for name, argument in op_args.items()}
        if op_name == "wait":
            progress(label="Waiting", worked=0, total=1)
            await asyncio.sleep(values["seconds"])
            progress(label="Waiting", worked=1, total=1)
        elif op_name == "allocate":
            _kept.append(bytearray(values["bytes"]))
        elif op_name == "exit":
            os._exit(values["code"])
        else:
            raise ValueError(f"unknown operation: {op_name}")
        workspace["resources"].append({"name": res_name, "op": op_name})
        return [self._save(workspace), res_name]

    def _save(self, workspace: dict[str, Any]) -> dict[str, Any]:
        file = below(self._root, workspace["base_dir"]) / WORKSPACE_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(workspace))
        return workspace


def below(root: Path, name: str) -> Path:
    """The path of a name below the user's root; raises ValueError if it leads out of it."""
    path = (root / name.lstrip("/")).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"{name} is not below the user's root")
    return path


def read_workspace(root: Path, base_dir: str) -> dict[str, Any]:
    file = below(root, base_dir) / WORKSPACE_FILE
    if not file.exists():
        raise ValueError(f"workspace does not exist: {base_dir}")
    return json.loads(file.read_text())


def application(root: Path, prefix: str) -> Application:
    """`prefix` begins and ends with a slash, as JupyterHub has it."""
    part = r"([^/]+)"
    return Application(
        [
            (prefix, Info),
            (f"{prefix}exit", Exit),
            (f"{prefix}api", Rpc),
            (rf"{prefix}mpl/figures/{part}/{part}", Figure),
            (rf"{prefix}ws/res/tile/{part}/{part}/(\d+)/(\d+)/(\d+)\.png", Tile),
            (f"{prefix}files/upload", Upload),
        ],
        root=root,
    )


async def serve(options: argparse.Namespace) -> None:
    root = Path(options.root or os.environ["CATE_USER_ROOT"])
    root.mkdir(parents=True, exist_ok=True)
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    server = HTTPServer(application(root, prefix))
    if options.socket:
        server.add_socket(bind_unix_socket(options.socket))
    else:
        server.listen(options.port, options.address)
    print(f"cate-webapi: started, below {prefix}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    print("cate-webapi: stopped", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="cate-webapi-start")
    parser.add_argument("--port", "-p", type=int, default=9090)
    parser.add_argument("--address", "-a", default="localhost")
    parser.add_argument("--root", "-r")
    parser.add_argument("--auto-stop-after", "-s", type=float)
    parser.add_argument("--traceback", "-b", action="store_true")
    parser.add_argument("--verbose", "-v", action="store_true")
    parser.add_argument("--socket", help="a path; in place of address and port")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
