"""Where the cluster's programs come from, and what is said where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.kubernetes import programs
from tests.servers.kubernetes.programs import ProgramsMissing
from tests.servers.kubernetes.toolchain import find_go

OLD_GO = """#!/bin/sh
case "$*" in
"env GOVERSION") echo go1.19.8 ;;
"env GOOS GOARCH") printf 'linux\\namd64\\n' ;;
"mod download -json golang.org/toolchain@v0.0.1-go1.26.0.linux-amd64")
    echo '{{"Dir": "{folder}"}}' ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def test_given_programs_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = program(tmp_path / "etcd", "#!/bin/sh\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert programs.programs(["etcd"], say=pytest.fail) == {"etcd": given}


def test_built_programs_are_taken() -> None:
    built = program(programs.bin_folder() / "etcd", "#!/bin/sh\n")
    assert programs.programs(["etcd"], say=pytest.fail) == {"etcd": built}


def test_without_go_it_is_said_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.servers.kubernetes.toolchain.shutil.which", lambda name: None)
    with pytest.raises(ProgramsMissing) as missing:
        programs.programs(["etcd"], say=pytest.fail)
    message = str(missing.value)
    assert "\n" not in message
    for way in ("apt-get install golang-go", "KUBEBUILDER_ASSETS", "TEST_KUBECONFIG"):
        assert way in message


def test_a_go_that_is_too_old_fetches_a_newer_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetched = tmp_path / "toolchain" / "bin" / "go"
    program(fetched, "#!/bin/sh\n").chmod(0o444)
    program(tmp_path / "go", OLD_GO.format(folder=tmp_path / "toolchain"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_go("1.26.0") == fetched
    assert fetched.stat().st_mode & 0o111


def test_a_failed_build_shows_what_go_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version_only = '#!/bin/sh\n[ "$1" = env ] && echo go1.26.0 || { echo no room >&2; exit 1; }\n'
    program(tmp_path / "go", version_only)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said: list[str] = []
    with pytest.raises(ProgramsMissing, match="etcd could not be built:\nno room"):
        programs.programs(["etcd"], say=said.append)
    assert said[0].startswith("Building etcd")


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
