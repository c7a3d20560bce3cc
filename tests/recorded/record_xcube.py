"""Records what xcube really sends: the requests of its client and the reports of its worker.

Run with the Python of the xcube environment: `python tests/recorded/record_xcube.py`. Writes
`client.json` and `worker.json` beside itself; a stub on this machine gives the answers.
"""

from __future__ import annotations

import email
import json
import re
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from xcube.core.gen2.config import CallbackConfig
from xcube.core.gen2.progress import ApiProgressCallbackObserver
from xcube.core.gen2.remote.config import ServiceConfig
from xcube.core.gen2.remote.generator import RemoteCubeGenerator
from xcube.util.progress import observe_progress
from xcube.version import version

HERE = Path(__file__).parent
JOB_ID = "a97dd1e0b52a7a9bb9ad5ec1c6fb9d2be-c415de9f-e237-442c"
INFO = {
    "status": "ok",
    "result": {
        "dataset_descriptor": {"data_id": "x.zarr", "data_type": "dataset"},
        "size_estimation": {},
        "cost_estimation": {"required": 1, "available": 2, "limit": 3},
    },
}
DONE = {
    "job_id": JOB_ID,
    "job_status": {"succeeded": 1},
    "job_result": {"status": "ok", "status_code": 201, "result": {"data_id": "x.zarr"}},
}
INPUT = {"store_id": "@demo", "data_id": "north-sea.zarr"}
OUTPUT = {"store_id": "@cubes", "data_id": "x.zarr"}
CUBE = {
    "variable_names": ["chlorophyll"],
    "crs": "EPSG:4326",
    "bbox": [2, 53, 9, 57],
    "spatial_res": 0.02,
    "time_range": ["2024-03-01", "2024-09-30"],
    "time_period": "1M",
    "tile_size": [350, 200],
    "chunks": {"time": 1, "lat": None},
    "metadata": {"title": "Chlorophyll"},
    "variable_metadata": {"chlorophyll": {"units": "mg m-3"}},
}
S3 = {"root": "bucket", "storage_options": {"key": "KEY", "secret": "SECRET"}}
REQUESTS = {
    "one input": {
        "input_config": INPUT,
        "cube_config": CUBE,
        "output_config": {**OUTPUT, "replace": True},
    },
    "a copy": {"input_config": INPUT, "output_config": OUTPUT},
    "two inputs, own stores": {
        "input_configs": [
            INPUT,
            {
                "store_id": "s3",
                "opener_id": "dataset:zarr:s3",
                "data_id": "b.zarr",
                "store_params": {"root": "bucket", "storage_options": {"anon": True}},
                "open_params": {"consolidated": True},
            },
        ],
        "cube_config": {"bbox": [2, 53, 9, 57], "time_range": ["2024-03-01", None]},
        "output_config": {
            "store_id": "s3",
            "writer_id": "dataset:zarr:s3",
            "data_id": "m.zarr",
            "store_params": S3,
            "write_params": {"consolidated": True},
        },
    },
    "inline code": {
        "input_config": INPUT,
        "code_config": {
            "callable_ref": "user_code:double",
            "callable_params": {"factor": 2},
            "inline_code": "def double(cube, factor=2):\n    return cube * factor\n",
        },
        "output_config": OUTPUT,
    },
}


class Stub(BaseHTTPRequestHandler):
    """Notes each request and answers what the client wants to hear."""

    seen: list[dict] = []

    def answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content_type = self.headers.get("Content-Type", "")
        self.seen.append(
            {
                "method": self.command,
                "path": self.path,
                "accept": self.headers.get("Accept"),
                "content_type": content_type.split(";")[0],
                "bearer": self.headers.get("Authorization", "").startswith("Bearer "),
                "body": _parts(content_type, raw) if "multipart" in content_type else _json(raw),
            }
        )
        if self.path.endswith("oauth/token"):
            answer = {"access_token": "t", "token_type": "bearer"}
        elif self.path.endswith("info"):
            answer = INFO
        elif self.command == "PUT":
            answer = {"job_id": JOB_ID, "job_status": {"active": 1}}
        else:
            answer = DONE
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *args: object) -> None:
        pass


def _json(raw: bytes) -> object:
    return json.loads(raw) if raw else None


def _parts(content_type: str, raw: bytes) -> list[dict]:
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\n\n" + raw)
    return [
        {
            "name": part.get_param("name", header="Content-Disposition"),
            "filename": part.get_filename(),
            "content_type": part.get_content_type(),
            "json": _json(part.get_payload(decode=True))
            if part.get_content_type() == "application/json"
            else None,
        }
        for part in message.get_payload()
    ]


def record_client(url: str, folder: Path) -> None:
    package = folder / "processor.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("processor.py", "def process(cube):\n    return cube\n")
    code = {"callable_ref": "processor:process", "file_set": {"path": str(package)}}
    zipped = {"input_config": INPUT, "code_config": code, "output_config": OUTPUT}
    recorded = {}
    for name, request in {**REQUESTS, "zipped code": zipped}.items():
        Stub.seen.clear()
        config = ServiceConfig(endpoint_url=url, client_id="the-id", client_secret="the-secret")
        generator = RemoteCubeGenerator(config, progress_period=0.05)
        generator.get_cube_info(request)
        generator.generate_cube(request)
        recorded[name] = list(Stub.seen)
    write("client.json", url, recorded)


def record_worker(url: str) -> None:
    Stub.seen.clear()
    config = CallbackConfig(api_uri=f"{url}cubegens/{JOB_ID}/callbacks", access_token="t")
    observer = ApiProgressCallbackObserver(config, dt=0.1)
    observer.activate()
    with observe_progress("Generating cube", 137) as outer:
        outer.will_work(100)
        with observe_progress("Writing", 10) as inner:
            for _ in range(2):
                time.sleep(0.2)
                inner.worked(5)
        time.sleep(0.2)
        outer.worked(32)
    good = list(Stub.seen)
    Stub.seen.clear()
    try:
        with observe_progress("Generating cube", 137) as outer:
            time.sleep(0.2)
            outer.worked(10)
            raise ValueError("'chlorofyll' is not a variable")
    except ValueError:
        pass
    observer.deactivate()
    write("worker.json", url, {"a good run": good, "a failed run": list(Stub.seen)})


def write(name: str, url: str, recorded: dict) -> None:
    text = json.dumps({"xcube": version, "exchanges": recorded}, indent=1)
    text = text.replace(url, "https://hub.example.org/api/v2/")
    text = re.sub(r'(?:/[^\s/"\\]+)+/(processor\.zip|record_xcube\.py)', r"/home/ann/\1", text)
    (HERE / name).write_text(text + "\n")


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/api/v2/"
    with tempfile.TemporaryDirectory() as folder:
        record_client(url, Path(folder))
    record_worker(url)
    server.shutdown()


if __name__ == "__main__":
    main()
