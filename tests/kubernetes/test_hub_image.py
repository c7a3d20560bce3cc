"""The hub's image, without building it: the files that the Dockerfile takes are all that it needs,
and what is installed is pinned. docs/kubernetes.md tells how to build and try the real one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()

# What each part does with files: settings, checks, pages with their templates and styles, the
# description of the API, the runner's package, gunicorn's configuration. Nothing may be opened in
# the checkout, where the environment of the tests would otherwise find what the image lacks.
USES_ALL = """
import os, sys
checkout, environment = sys.argv[1:]

def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = os.path.abspath(arguments[0])
        if path.startswith(checkout + "/") and not path.startswith(environment + "/"):
            os.write(2, f"opened {path}\\n".encode())
            os._exit(3)

sys.addaudithook(look)
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0, interactive=False)
pages = ["/", "/login/", "/api/v2/", "/api/v2/ui/", "/api/v2/openapi.json", "/health/live",
         "/health/ready", "/static/hub.css", "/static/admin/css/base.css"]
for page in pages:
    answer = Client().get(page, secure=True, follow=True, headers={"host": "hub.example.org"})
    print(page, answer.status_code)
from jobs.running.runner_package import runner_zip
assert len(runner_zip()) > 10_000
import hubsite.web.gunicorn_config, hubsite.web.wsgi, hubsite.cli
from hubsite.settings import XCUBE_VERSION
assert XCUBE_VERSION
"""


def copied() -> list[str]:
    """What the image takes from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image's folder of the hub."""
    folder = tmp_path / "xcube-hub"
    folder.mkdir()
    for name in copied():
        source = CHECKOUT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def test_the_files_that_it_takes_are_all_that_the_hub_opens(image: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USES_ALL, str(CHECKOUT), sys.prefix],
        cwd=image,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(image),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "hubsite.settings",
            "XCUBE_HUB_DATA_DIR": str(tmp_path / "data"),
            "XCUBE_HUB_XCUBE_PYTHON": sys.executable,
            "XCUBE_HUB_SECRET_KEY": os.urandom(32).hex(),
            "XCUBE_HUB_TOKEN_SECRETS": os.urandom(32).hex(),
            "XCUBE_HUB_PUBLIC_URL": "https://hub.example.org",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = dict(line.split() for line in done.stdout.splitlines() if line.startswith("/"))
    assert len(pages) == 9
    assert set(pages.values()) == {"200"}, pages


def test_the_build_is_given_what_it_takes_and_nothing_else() -> None:
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    taken = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert sorted(taken) == sorted(copied())
    assert all((CHECKOUT / name).exists() for name in copied())


def test_what_is_installed_is_pinned_with_hashes() -> None:
    assert "--require-hashes --requirement /tmp/requirements.txt" in DOCKERFILE
    text = (CHECKOUT / "requirements.txt").read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[\w.\[\],-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_it_does_not_run_as_root() -> None:
    """By number: Kubernetes cannot tell who a name is."""
    (last,) = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)
    assert last == "1000:1000"
