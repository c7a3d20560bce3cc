"""`make demo`: a hub, a cube made on it by the real xcube client, and its viewer.

Everything lies in one folder (var/demo); a hub of your own and its data are not touched.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

from demo_hub import CHECKOUT, DemoFailed, Hub, write_private
from demo_viewer import open_viewer, stop_viewers
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

XCUBE = CHECKOUT / ".xcube" / "bin"
CUBE = "north-sea.zarr"
ESTIMATE_WITHIN_S = 300
STORES = """\
# The stores of `make demo`. Users write "@demo" and "@cubes".
demo:
  title: Demo data
  description: A made-up year of the North Sea; everyone may read it.
  store_id: file
  store_params:
    root: store
  cost_params:
    input_pixels_per_punit: 262144
    output_pixels_per_punit: 262144
  readable: true
  writable: false
cubes:
  title: Your cubes
  description: Where your cubes go; each user has a folder here.
  store_id: file
  store_params:
    root: cubes
  cost_params:
    input_pixels_per_punit: 262144
    output_pixels_per_punit: 262144
  readable: true
  writable: true
  per_user: true
"""
REQUEST: dict[str, Any] = {
    "input_config": {"store_id": "@demo", "data_id": CUBE},
    "cube_config": {
        "variable_names": ["chlorophyll", "sst"],
        "crs": "EPSG:4326",
        "bbox": [2.0, 53.0, 9.0, 57.0],
        "spatial_res": 0.00625,
        "time_range": ["2024-03-01", "2024-09-30"],
    },
}

console = Console(highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop the hub when the cube was shown")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "var" / "demo")
    parser.add_argument(
        "--port", type=port_number, help="port of the hub on 127.0.0.1 (default: one that is free)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hub = Hub(options.folder.absolute(), port=options.port)
    try:
        run(hub, runs_on=not options.once)
        if not options.once:
            hub.wait()
    except KeyboardInterrupt:
        console.print("\nStopping the hub …")
    except DemoFailed as failure:
        tell_failure(hub, failure)
        return 1
    finally:
        end(hub)
    return 0


def end(hub: Hub) -> None:
    """Leave no process behind. Viewers go on when a hub ends, so the hub stops them first."""
    try:
        stop_viewers(hub)
    except DemoFailed as failure:
        console.print(f"[bold red]Viewers may still run.[/] {escape(str(failure))}")
    finally:
        hub.stop()


def port_number(text: str) -> int:
    """A TCP port. A type for argparse."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("expected a port number from 1 to 65535")
    return int(text)


def run(hub: Hub, *, runs_on: bool) -> None:
    began = time.monotonic()
    prepare(hub.folder)
    with step("Starting the hub"):
        hub.start()
    with step("Making a client and an operator"):
        accounts = hub.accounts()
    request = {**REQUEST, "output_config": {"store_id": "@cubes", "data_id": fresh_name()}}
    with step("Asking what the cube will cost"):
        price = estimate(hub, accounts, request)
    console.print(f"  {price}")
    generate(hub, accounts, request)
    with step("Opening the cube"):
        cube = find_cube(hub.folder, request["output_config"]["data_id"])
        code = f"import xarray; print(xarray.open_zarr({os.path.relpath(cube)!r}))"
        command = [str(XCUBE / "python"), "-c", code]
        content = look(command)
    with step("Opening it in the viewer"):
        viewer = open_viewer(hub, token_of(hub, accounts), request["output_config"]["data_id"])
    seconds = time.monotonic() - began
    summarize(hub, accounts, cube, command, content, viewer, seconds=seconds, runs_on=runs_on)


def prepare(folder: Path) -> None:
    """The folder with the store, the demo cube in it, and the stores file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "cubes").mkdir(exist_ok=True)
    (folder / "store").mkdir(exist_ok=True)
    (folder / "stores.yaml").write_text(STORES)
    if (folder / "store" / CUBE).is_dir():
        return
    with step("Making a demo cube"):
        made = subprocess.run(
            [XCUBE / "python", CHECKOUT / "deploy" / "demo_cube.py", folder / "store" / CUBE],
            capture_output=True,
            text=True,
        )
    if made.returncode:
        raise DemoFailed(f"The demo cube was not made:\n{made.stderr.strip()}")
    console.print(f"  {made.stdout.strip()}")


def token_of(hub: Hub, accounts: dict[str, str]) -> str:
    """An access token of the demo's client."""
    status, answer = hub.token(accounts)
    if status != 200:
        raise DemoFailed(f"The hub gave no token: {answer}", "web")
    return answer["access_token"]


def estimate(hub: Hub, accounts: dict[str, str], request: dict[str, Any]) -> str:
    """What the hub says of the cube, as soon as its runner has imported xcube."""
    token = token_of(hub, accounts)
    deadline = time.monotonic() + ESTIMATE_WITHIN_S
    while True:
        status, answer = hub.call("POST", f"{hub.api}/cubegens/info", request, token)
        if status == 200:
            break
        if status != 503 or time.monotonic() > deadline:
            raise DemoFailed(f"No estimate: {answer.get('message', status)}", "web", "runner")
        time.sleep(1)
    dims = answer["result"]["dataset_descriptor"]["dims"]
    cost = answer["result"]["cost_estimation"]
    shape = " x ".join(f"{length} {name}" for name, length in dims.items())
    return f"{shape}: {cost['required']} processing units of {cost['available']}"


def generate(hub: Hub, accounts: dict[str, str], request: dict[str, Any]) -> None:
    """Submit through the xcube client as it is, and show the progress that it prints."""
    service = {key: accounts[key] for key in ("client_id", "client_secret")}
    service_file, request_file = hub.folder / "service.json", hub.folder / "request.json"
    write_private(service_file, {"endpoint_url": f"{hub.api}/", **service})
    request_file.write_text(json.dumps(request, indent=2))
    command = [XCUBE / "xcube", "gen2", "--service", service_file, request_file, "-vv"]
    console.print(f"[dim]$ {shown(command)}[/dim]", soft_wrap=True)
    client = subprocess.Popen(
        command,
        env={**hub.environment, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        output = show_progress(client)
    finally:
        client.kill()
    if client.wait() != 0:
        told = [line.partition("ERROR: ")[2] for line in output if "ERROR: " in line]
        reason = "\n".join(told or output[-12:])
        raise DemoFailed(f"The client says: {reason}", "worker", "observer", "runner")


def show_progress(client: subprocess.Popen[str]) -> list[str]:
    """A bar that follows the client's own messages; returns all that it printed."""
    assert client.stdout
    columns = (TextColumn("[bold]{task.description}"), BarColumn(40), TaskProgressColumn(),
               TimeElapsedColumn())  # fmt: skip
    output = []
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Submitting", total=100)
        for line in client.stdout:
            output.append(line.rstrip())
            if found := re.match(r"Generating cube - (\.\.\.|[\d.]+(?=%)|done)", line):
                percent = found[1]
                done = {"...": 0.0, "done": 100.0}.get(percent)
                progress.update(
                    bar,
                    description="Generating the cube",
                    completed=float(percent) if done is None else done,
                )
        if client.wait() == 0:
            progress.update(bar, description="Generated the cube", completed=100)
    return output


def fresh_name() -> str:
    return f"north-sea-{time.strftime('%Y%m%d-%H%M%S')}.zarr"


def find_cube(folder: Path, name: str) -> Path:
    found = next((folder / "cubes").glob(f"**/{name}"), None)
    if found is None:
        raise DemoFailed(f"The client succeeded, but there is no {name} in {folder / 'cubes'}.")
    return found


def look(command: list[str]) -> str:
    opened = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if opened.returncode:
        raise DemoFailed(f"The cube cannot be opened:\n{opened.stderr.strip()}")
    return opened.stdout.split("Attributes:")[0].strip()


def summarize(
    hub: Hub,
    accounts: dict[str, str],
    cube: Path,
    command: list[str],
    content: str,
    viewer: str,
    *,
    seconds: float,
    runs_on: bool,
) -> None:
    size = sum(file.stat().st_size for file in cube.rglob("*") if file.is_file())
    console.print(f"\n[dim]$ {shown(command)}[/dim]", soft_wrap=True)
    console.print(indent(content, "  "), soft_wrap=True, markup=False)
    console.print(
        f"\n[bold green]The cube is made and shown,[/] {seconds:.0f} s after the start.\n"
    )
    for name, value in {
        "cube": f"{os.path.relpath(cube)} ({size / 1e6:.0f} MB on disk)",
        "viewer": viewer,
        "portal": f"{hub.url}/",
        "  user": accounts["operator"],
        "  password": accounts["password"],
        "admin": f"{hub.url}/admin/",
        "manual": f"{hub.url}/docs/",
        "API": f"{hub.api}/ui/",
        "health": f"{hub.url}/health/ready",
        "log": os.path.relpath(hub.log),
    }.items():
        console.print(f"  [bold]{name:<12}[/]{escape(value)}", soft_wrap=True)
    console.print("\nWhoever has the link of the viewer can look at the cube, for a day.")
    if runs_on:
        console.print("\nThe hub runs until you press Ctrl-C.")


def tell_failure(hub: Hub, failure: DemoFailed) -> None:
    console.print(f"\n[bold red]The demo failed.[/] {escape(str(failure))}", soft_wrap=True)
    lines = hub.last_lines(failure.parts)
    if lines:
        console.print(f"\nThe last lines of {os.path.relpath(hub.log)}:", style="bold")
        console.print("\n".join(lines), style="dim", markup=False, soft_wrap=True)
    console.print(f"\nTo begin anew: rm -r {os.path.relpath(hub.folder)}")


def shown(command: list[str | Path]) -> str:
    """A command as one would type it here."""
    words = []
    for word in command:
        text = os.path.relpath(word) if isinstance(word, Path) else word
        text = text.replace(f"{CHECKOUT}/", "")
        words.append(f'"{text}"' if "'" in text else shlex.quote(text))
    return " ".join(words)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show that something is under way, then that it is done and how long it took."""
    began = time.monotonic()
    with console.status(f"{title} …"):
        yield
    console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]")


if __name__ == "__main__":
    sys.exit(main())
