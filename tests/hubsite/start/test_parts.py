"""Which parts run, with what environment; the command line; the site's own address."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentTypeError

import pytest
from gunicorn.util import load_class
from gunicorn.workers.gthread import ThreadWorker

from hubsite import __version__
from hubsite.configuration.reading import BASE_DIR, read
from hubsite.configuration.table import SETTINGS
from hubsite.coordination import queues
from hubsite.management.commands.start import part_names
from hubsite.start import parts
from hubsite.start.readiness import Site
from hubsite.web import gunicorn_config


def test_all_parts_run_unless_told_otherwise():
    assert parts.wanted([], []) == ["web", "worker", "outside", "observer", "runner", "edge"]
    assert parts.wanted(["worker", "web"], []) == ["web", "worker"]
    assert parts.wanted([], ["runner", "web"]) == ["worker", "outside", "observer", "edge"]


def test_the_runner_is_here_where_it_runs_or_at_least_estimates(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_ENGINE": "kubernetes"}
    assert "runner" in parts.wanted([], [])
    settings.HUB["XCUBE_HUB_ESTIMATOR_URL"] = "http://xcube-hub-estimator:8080"
    assert "runner" not in parts.wanted([], [])


def test_an_unknown_part_is_refused_with_the_names_of_all():
    assert part_names("web, worker") == ["web", "worker"]
    for text in ("web,wroker", ","):
        with pytest.raises(
            ArgumentTypeError, match="the parts are web, worker, outside, observer, runner, edge"
        ):
            part_names(text)


def test_the_runner_gets_nothing_that_the_hub_keeps_to_itself():
    environment = parts.make_part(
        "runner",
        environment={
            "PATH": "/bin",
            "LC_ALL": "C",
            "SSL_CERT_FILE": "/ca",
            "XCUBE_HUB_SECRET_KEY": "s",
            "DATABASE_URL": "postgres://u:p@h/d",
            "AWS_SECRET_ACCESS_KEY": "s",
            "PYTHONSTARTUP": "/x",
        },
    ).env
    assert environment == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "SSL_CERT_FILE": "/ca",
        "PYTHONPATH": str(BASE_DIR),
        "PYTHONUNBUFFERED": "1",
    }


def test_the_edge_gets_one_secret_and_no_other(settings):
    environment = {
        "PATH": "/bin",
        "XCUBE_HUB_SECRET_KEY": "s",
        "DATABASE_URL": "postgres://u:p@h/d",
        **Site("0.0.0.0", 9000).environment(),
    }
    part = parts.make_part("edge", environment=environment)
    assert set(part.env) == {
        "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "XCUBE_HUB_EDGE_SECRET"
    }  # fmt: skip
    secret = part.env["XCUBE_HUB_EDGE_SECRET"]
    assert len(secret) == 64 and settings.SECRET_KEY not in secret
    assert secret not in " ".join(part.argv)
    assert part.argv[1:] == [
        "-m", "services.edge", "--listen", "0.0.0.0:9001", "--hub", "http://127.0.0.1:9000",
        "--public-url", "http://*.localhost:9001",
        "--viewer-files", str(settings.DATA_DIR / "services/.cache/viewer.json"),
    ]  # fmt: skip
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EDGE_SECRET": "x" * 40}
    assert parts.make_part("edge", environment={}).env["XCUBE_HUB_EDGE_SECRET"] == "x" * 40


def test_the_edge_listens_and_is_reached_where_the_settings_say():
    argv = parts.make_part(
        "edge",
        environment={
            "XCUBE_HUB_EDGE_ADDRESS": "::1",
            "XCUBE_HUB_EDGE_PORT": "7000",
            "XCUBE_HUB_EDGE_URL": "https://*.services.example.org",
            "XCUBE_HUB_CALLBACK_URL": "http://xcube-hub:8080/api/v2",
        },
    ).argv
    assert argv[argv.index("--listen") + 1] == "[::1]:7000"
    assert argv[argv.index("--hub") + 1] == "http://xcube-hub:8080"
    assert argv[argv.index("--public-url") + 1] == "https://*.services.example.org"


def test_the_runner_writes_cubes_with_the_umask_of_the_operator(settings):
    settings.ORIGINAL_UMASK = 0o022
    assert parts.make_part("runner", environment={}).umask == 0o022
    assert parts.make_part("web", environment={}).umask == -1


def test_the_other_parts_get_the_environment_of_the_hub():
    part = parts.make_part("worker", environment={"DATABASE_URL": "x"})
    assert part.env["DATABASE_URL"] == "x"
    assert part.argv == [sys.executable, "-m", "hubsite.cli", "qcluster"]


def test_each_queue_has_processes_of_its_own(settings):
    """Also where the hub itself was started with the name of a queue."""
    for name, queue in (("worker", queues.PROMPT), ("outside", queues.OUTSIDE)):
        part = parts.make_part(name, environment={"Q_CLUSTER_NAME": "odd"})
        assert part.env["Q_CLUSTER_NAME"] == queue
        assert queue == settings.Q_CLUSTER["name"] or queue in settings.Q_CLUSTER["ALT_CLUSTERS"]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://localhost:8080"),
        ("0.0.0.0", "http://localhost:8080"),
        ("::", "http://localhost:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("2001:db8::1", "http://[2001:db8::1]:8080"),
    ],
)
def test_the_url_is_where_a_browser_finds_the_hub(address, url):
    site = Site(address, 8080)
    assert site.url == url
    assert read(SETTINGS, site.environment()).values["XCUBE_HUB_PUBLIC_URL"] == url
    assert f"is ready: {url}/api/v2 (docs {url}/api/v2/ui/," in site.welcome()


def test_a_configured_public_url_is_kept(settings):
    settings.HUB_GIVEN = frozenset({"XCUBE_HUB_PUBLIC_URL"})
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PUBLIC_URL": "https://hub.example.org"}
    assert Site("0.0.0.0", 80).url == "https://hub.example.org"


def test_the_audience_of_tokens_does_not_follow_from_the_options_of_start():
    """`start --port 18210`, then `issue_token`, which knows nothing of that port."""
    command = read(SETTINGS, {}).values["XCUBE_HUB_OAUTH_AUD"]
    for site in (Site("127.0.0.1", 18210), Site("0.0.0.0", 80), Site("192.0.2.7", 8080)):
        assert read(SETTINGS, site.environment()).values["XCUBE_HUB_OAUTH_AUD"] == command
    given = {"XCUBE_HUB_PUBLIC_URL": "https://hub.example.org/hub/"}
    audience = read(SETTINGS, given).values["XCUBE_HUB_OAUTH_AUD"]
    assert audience == "https://hub.example.org/hub/api/v2/"


def test_gunicorn_listens_where_the_settings_say():
    assert gunicorn_config.bind == "127.0.0.1:8080"
    assert issubclass(load_class(gunicorn_config.worker_class), ThreadWorker)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--version"], f"xcube-hub {__version__}\n"),
        ([], "usage: xcube-hub COMMAND"),
        (["start", "--help"], "Run the hub on this machine until Ctrl-C."),
    ],
)
def test_the_installed_command(arguments, told):
    done = subprocess.run(
        [sys.executable, "-m", "hubsite.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        check=True,
    )
    assert told in done.stdout
