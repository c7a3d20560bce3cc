"""The command line of the runner: `serve`, `run`, `estimate` and `viewer`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from .viewers.alone import ALONE_S

_DESCRIPTION = """\
Runs cube generations, answers estimates and serves viewers in an xcube environment.
xcube is imported once; each run, estimate and viewer has a forked process."""

_EPILOG = """\
examples:
  python -m jobs.runner serve --socket /run/hub/control.sock \\
      --estimate-socket /run/hub/estimates.sock --runs-dir /var/lib/hub/runs
  curl --unix-socket /run/hub/control.sock http://runner/
  python -m jobs.runner run --workload workload.json --runs-dir /tmp/runs
  python -m jobs.runner estimate --address 0.0.0.0 --port 8080 \\
      --secret-file /etc/xcube-hub/secret --cache-dir /tmp/estimates
  python -m jobs.runner viewer --workload service.json --address 0.0.0.0 --port 8080

Sending SIGTERM to `serve` ends it at once; runs go on, and the next `serve`
with the same --runs-dir takes them over. Needs Linux 5.9 or newer."""


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.runner",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{serve,run,estimate,viewer}"
    )
    serve = commands.add_parser("serve", help="serve runs and estimates on two unix sockets")
    serve.add_argument(
        "--socket",
        type=_path,
        required=True,
        metavar="PATH",
        help="where to launch, list and remove runs (created, mode 0600)",
    )
    serve.add_argument(
        "--estimate-socket",
        type=_path,
        required=True,
        metavar="PATH",
        help="where estimates and versions are answered (created, mode 0600)",
    )
    serve.add_argument(
        "--stores-socket",
        type=_path,
        metavar="PATH",
        help="where store readers answer what data stores hold (created, mode 0600); without it "
        "there are none",
    )
    serve.add_argument(
        "--services-dir",
        type=_path,
        metavar="DIR",
        help="folder that holds one folder per service (created, mode 0700); without it no "
        "services are kept",
    )
    serve.add_argument(
        "--alone-limit",
        type=_seconds,
        default=ALONE_S,
        metavar="SECONDS",
        help="a viewer to which no one is connected ends so long after this program has ended, "
        "if it is not started again (default: %(default)g)",
    )
    run = commands.add_parser(
        "run", help="run one workload in the foreground, then exit as it does"
    )
    run.add_argument(
        "--workload",
        type=_path,
        required=True,
        metavar="FILE",
        help="the workload, as it would be PUT to `serve` (JSON, may be gzip); the token of "
        "its report may come by XCUBE_HUB_RUN_TOKEN, its code from a code_url",
    )
    run.add_argument(
        "--termination-message",
        type=_path,
        metavar="PATH",
        help="where to write how the run ended (JSON, at most 4096 bytes)",
    )
    run.add_argument(
        "--keep-environment",
        action="store_true",
        help="give the variables of this environment to the run, unless it has code of its own",
    )
    estimate = commands.add_parser(
        "estimate", help="serve estimates by TCP, to whoever knows a secret; no runs"
    )
    _add_address(estimate)
    _add_secret(estimate)
    _add_viewer(commands.add_parser("viewer", help="serve one viewer by TCP, in the foreground"))
    for command in (serve, estimate):
        _add_estimators(command)
    for command in (serve, run):
        command.add_argument(
            "--runs-dir",
            type=_path,
            required=True,
            metavar="DIR",
            help="folder that holds one folder per run (created, mode 0700)",
        )
        command.add_argument(
            "--allow-standins",
            action="store_true",
            help="accept runs that only pretend to work (for tests)",
        )
    return parser.parse_args(arguments)


def _add_address(command: argparse.ArgumentParser) -> None:
    command.add_argument("--address", default="127.0.0.1", help="default: %(default)s")
    command.add_argument(
        "--port", type=_port, default=8080, help="default: %(default)d; 0: any that is free"
    )


def _add_secret(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--secret-file",
        type=_path,
        required=True,
        metavar="FILE",
        help="holds what callers send as `Authorization: Bearer …`; read for each request, so "
        "that it can be changed",
    )
    command.add_argument(
        "--cache-dir",
        type=_path,
        required=True,
        metavar="DIR",
        help="for compiled functions and an inner socket (created); nothing else is written",
    )


def _add_viewer(viewer: argparse.ArgumentParser) -> None:
    _add_address(viewer)
    viewer.add_argument(
        "--workload",
        type=_path,
        required=True,
        metavar="FILE",
        help="the workload of the service (JSON, may be gzip)",
    )
    viewer.add_argument(
        "--scratch-dir",
        type=_path,
        metavar="DIR",
        help="where it may write (default: the folder of temporary files)",
    )
    viewer.add_argument(
        "--termination-message",
        type=_path,
        metavar="PATH",
        help="where to write why it could not start (JSON)",
    )


def _add_estimators(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--estimators",
        type=_count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes that answer estimates (default: %(default)s, one per core)",
    )
    command.add_argument(
        "--store-readers",
        type=_count,
        default=3,
        metavar="N",
        help="processes that look into data stores (default: %(default)s)",
    )
    command.add_argument(
        "--estimate-limit",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="longest time for one estimate (default: %(default)g)",
    )
    command.add_argument(
        "--estimate-memory",
        type=_mebibytes,
        default=2048,
        metavar="MIB",
        help="most memory for one estimate (default: %(default)d)",
    )


def _path(text: str) -> Path:
    return Path(text).absolute()


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 256:
        raise argparse.ArgumentTypeError("must be between 0 and 256")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return number


def _mebibytes(text: str) -> int:
    number = int(text)
    if not 64 <= number <= 1 << 20:
        raise argparse.ArgumentTypeError("must be between 64 and 1048576 MiB")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError("must be between 0 and 3600 seconds")
    return number


def main() -> int:
    options = parse_arguments(sys.argv[1:])
    from .system.environment import restart_clean

    if options.command == "run":
        from .system.handover import gather

        handed = gather(os.environ, keep_environment=options.keep_environment)
        fd = restart_clean(options.runs_dir, handed=handed)
        # Imported after the restart: numpy reads the number of its threads at import.
        from .run.foreground import run_workload

        return run_workload(
            workload=options.workload,
            runs_dir=options.runs_dir,
            allow_standins=options.allow_standins,
            termination_message=options.termination_message,
            handed=fd,
        )
    if options.command == "estimate":
        restart_clean(options.cache_dir)
        from .estimates.service import serve_estimates

        return serve_estimates(
            address=options.address,
            port=options.port,
            secret_file=options.secret_file,
            cache_dir=options.cache_dir,
            estimators=max(1, options.estimators),
            store_readers=max(1, options.store_readers),
            estimate_limit_s=options.estimate_limit,
            estimate_memory_bytes=options.estimate_memory << 20,
        )
    if options.command == "viewer":
        # Only here: a run's pod has no folder of temporary files.
        scratch = options.scratch_dir or _path(tempfile.gettempdir())
        restart_clean(scratch)
        from .viewers.foreground import serve_viewer

        return serve_viewer(
            file=options.workload,
            address=options.address,
            port=options.port,
            scratch=scratch,
            termination_message=options.termination_message,
        )
    restart_clean(options.runs_dir)
    from .serve.zygote import serve

    return serve(
        socket_path=options.socket,
        estimate_socket_path=options.estimate_socket,
        runs_dir=options.runs_dir,
        services_dir=options.services_dir,
        alone_s=options.alone_limit,
        estimators=options.estimators,
        stores_socket_path=options.stores_socket,
        store_readers=options.store_readers,
        estimate_limit_s=options.estimate_limit,
        estimate_memory_bytes=options.estimate_memory << 20,
        allow_standins=options.allow_standins,
    )


if __name__ == "__main__":
    sys.exit(main())
