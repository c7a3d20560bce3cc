"""The pod's command, run by the shells of this machine in images that are folders."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from hubsite.engines.kubernetes import pods, runs
from tests.patience import PATIENCE_S

from .workloads import options, workload

SHELLS = [
    command
    for command in (["/bin/sh"], ["bash", "--posix"], ["busybox", "sh"])
    if shutil.which(command[0])
]

PYTHON = """#!/bin/sh
case "$1" in
-c) {probe} ;;
*) echo "pid=$$"; echo "me=$0"; echo "path=$PATH"; for word; do echo "arg=$word"; done; exit 7 ;;
esac
"""
HAS_XCUBE, HAS_NONE = "exit 0", "echo noise; echo noise >&2; exit 1"


@pytest.fixture(params=SHELLS, ids=" ".join)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Image:
    return Image(request.param, tmp_path)


class Image:
    """A root folder with a `dirname`, and whatever else a test puts there."""

    def __init__(self, shell: list[str], root: Path) -> None:
        self.shell = [str(shutil.which(shell[0])), *shell[1:]]
        self.root = root
        (root / "bin").mkdir()
        (root / "bin" / "dirname").symlink_to(str(shutil.which("dirname")))
        self.message = root / "termination-log"

    def add(self, path: str, probe: str = HAS_XCUBE) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PYTHON.format(probe=probe))
        file.chmod(0o755)
        return file

    def script(self, **given: object) -> str:
        job = runs.job(workload(), options(**given))
        text = job["spec"]["template"]["spec"]["containers"][0]["command"][2]
        text = text.replace("/dev/termination-log", str(self.message))
        for folder in ("/opt/", "/home/"):
            text = text.replace(f" {folder}", f" {self.root}{folder}")
        return text

    def start(
        self, script: str | None = None, **env: str
    ) -> tuple[int, subprocess.CompletedProcess]:
        """The shell's process id, and how it ended."""
        process = subprocess.Popen(
            [*self.shell, "-c", script or self.script()],
            env={"PATH": str(self.root / "bin"), "XCUBE_HUB_XCUBE_PYTHON": "", **env},
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.pid, subprocess.CompletedProcess([], process.returncode, out, err)

    def chosen(self, **env: str) -> Path:
        _, ended = self.start(**env)
        assert ended.returncode == 7, ended
        return Path(_said(ended, "me")[0])


def _said(ended: subprocess.CompletedProcess, key: str) -> list[str]:
    return [
        line.partition("=")[2] for line in ended.stdout.splitlines() if line.startswith(f"{key}=")
    ]


def test_the_python_of_the_path_becomes_the_first_process(image):
    python = image.add("bin/python3")
    pid, ended = image.start()
    assert ended.returncode == 7
    assert _said(ended, "pid") == [str(pid)]
    assert _said(ended, "me") == [str(python)]
    assert _said(ended, "path") == [f"{image.root}/bin:{image.root}/bin"]
    assert _said(ended, "arg") == [
        "-m",
        "jobs.runner",
        "run",
        "--workload",
        "/etc/xcube-hub/run/workload.json.gz",
        "--runs-dir",
        "/scratch/runs",
        "--termination-message",
        str(image.message),
    ]
    assert not image.message.exists()


@pytest.mark.parametrize("probe", [HAS_NONE, "kill -9 $$", "exit 127", "kill -SEGV $$"])
def test_a_python_that_cannot_import_xcube_is_passed_over(image, probe):
    image.add("bin/python3", probe)
    python = image.add("bin/python")
    assert image.chosen() == python


def test_what_cannot_be_executed_is_passed_over(image):
    image.add("bin/python3").chmod(0o644)
    broken = image.add("bin/python")
    broken.write_bytes(b"\x7fELF, but of another machine")
    python = image.add("opt/conda/bin/python")
    assert image.chosen() == python


@pytest.mark.parametrize(
    "place",
    [
        "opt/conda/envs/xcube/bin/python",
        "opt/conda/bin/python",
        "opt/venv/bin/python",
        "home/mambauser/micromamba/envs/xcube/bin/python",
        "home/mambauser/micromamba/bin/python",
    ],
)
def test_it_is_found_where_images_put_it(image, place):
    image.add("bin/python3", HAS_NONE)
    python = image.add(place)
    assert image.chosen() == python
    _, ended = image.start()
    assert _said(ended, "path")[0].startswith(f"{python.parent}:")


def test_the_environment_that_is_active_in_the_image_counts(image):
    image.add("bin/python3", HAS_NONE)
    python = image.add("conda here/bin/python")
    assert image.chosen(CONDA_PREFIX=str(python.parent.parent)) == python


def test_an_operator_names_another_one(image):
    image.add("bin/python3")
    named = image.add("my own/bin/python3.12")
    assert image.chosen(XCUBE_HUB_XCUBE_PYTHON=str(named)) == named
    on_path = image.add("bin/python3.12")
    assert image.chosen(XCUBE_HUB_XCUBE_PYTHON="python3.12") == on_path


def test_what_the_operator_names_is_a_name_and_no_command(image):
    python = image.add("bin/python3")
    assert image.chosen(XCUBE_HUB_XCUBE_PYTHON="$(touch made); touch made") == python
    assert not (image.root / "made").exists()


def test_one_that_the_operator_names_in_vain_is_passed_over(image):
    python = image.add("bin/python3")
    named = image.add("other/python", HAS_NONE)
    assert image.chosen(XCUBE_HUB_XCUBE_PYTHON=str(named)) == python


ODD_IMAGES = [
    "quay.io/bcdev/xcube:1.7.0",
    "localhost:5000/xcube@sha256:" + "0" * 64,
    "it's",
    '"quoted"',
    "$(touch made)",
    "`touch made`",
    "a; touch made",
    "a' > made; echo '",
    "%s%d%n",
    "{image}{0}",
    "two\nlines\\n",
    "back\\slash",
    "bücher/été",
    "",
]


@pytest.mark.parametrize("name", ODD_IMAGES)
def test_an_image_without_xcube_is_told_by_its_name(image, name):
    image.add("bin/python3", HAS_NONE)
    _, ended = image.start(image.script(image=name))
    assert ended.returncode == pods.NO_PYTHON_EXIT
    told = json.loads(image.message.read_text())
    assert (told["phase"], told["reason"]) == ("FAILED", "IMAGE")
    assert told["message"].startswith("No Python in the image ")
    if all(sign.isalnum() or sign in "/.:@-_" for sign in name):
        assert name in told["message"]
    assert "No Python in this image can import xcube." in ended.stdout
    assert sorted(path.name for path in image.root.iterdir()) == ["bin", "termination-log"]


def test_an_image_without_anything_is_told_too(image):
    _, ended = image.start()
    assert ended.returncode == pods.NO_PYTHON_EXIT
    assert "No Python" in json.loads(image.message.read_text())["message"]


def test_a_message_that_cannot_be_written_changes_no_exit_code(image):
    image.message.mkdir()
    _, ended = image.start()
    assert ended.returncode == pods.NO_PYTHON_EXIT


def test_the_operators_variables_are_kept_only_where_there_are_some(image):
    image.add("bin/python3")
    _, ended = image.start(image.script(env_secret="s"))
    assert _said(ended, "arg")[-1] == "--keep-environment"
