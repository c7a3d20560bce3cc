"""The runner as a zip: the same each time, and all that a Python with xcube needs."""

import base64
import io
import subprocess
import sys
import zipfile

import pytest
import yaml
from django.core.management import CommandError, call_command

from jobs.running import runner_package
from tests.patience import PATIENCE_S


def test_it_is_the_same_each_time():
    first = runner_package.runner_zip()
    runner_package.runner_zip.cache_clear()
    assert runner_package.runner_zip() == first


def test_it_holds_the_sources_of_the_runner_and_nothing_else():
    with zipfile.ZipFile(io.BytesIO(runner_package.runner_zip())) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert "jobs/__init__.py" in names
    assert "jobs/runner/__main__.py" in names
    assert names == sorted(set(names))
    assert all(name.startswith("jobs/runner/") for name in names if name != "jobs/__init__.py")
    assert all(name.endswith(".py") for name in names)


def test_it_fits_into_a_configmap():
    assert len(base64.b64encode(runner_package.runner_zip())) < 500_000


def test_any_python_can_start_it(tmp_path):
    call_command("runner_package", output=tmp_path / "runner.zip")
    help_text = subprocess.run(
        [sys.executable, "-m", runner_package.MODULE, "run", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "runner.zip")},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout
    assert "--termination-message" in help_text


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("runner_package", output=tmp_path / "no" / "runner.zip")


def test_the_configmap(capsys):
    call_command("runner_package", "--configmap")
    document = yaml.safe_load(capsys.readouterr().out)
    assert (document["kind"], document["metadata"]["name"]) == ("ConfigMap", "xcube-hub-runner")
    content = base64.b64decode(document["binaryData"]["runner.zip"])
    assert content == runner_package.runner_zip()
    call_command("runner_package", configmap="other")
    assert yaml.safe_load(capsys.readouterr().out)["metadata"]["name"] == "other"
