"""Which cluster the hub speaks to, and what it says where it cannot tell."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubsite.engines.kubernetes.connection import (
    NotConfigured,
    Source,
    choose_source,
    load,
    namespace_of,
)

IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No kubeconfig of the developer's own."""
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def service_account(tmp_path: Path) -> Path:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("of-the-pod")
    (folder / "ca.crt").write_text("-----BEGIN CERTIFICATE-----")
    (folder / "namespace").write_text("cubes\n")
    return folder


def kubeconfig(path: Path, *names: str, current: str | None = None, **context: Any) -> str:
    """A kubeconfig with a context, a cluster and a user of each name."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": n, "cluster": {"server": f"https://{n}.example"}} for n in names],
        "users": [{"name": n, "user": {"token": f"token-of-{n}"}} for n in names],
        "contexts": [
            {"name": n, "context": {"cluster": n, "user": n, "namespace": f"ns-{n}"} | context}
            for n in names
        ],
    }
    path.write_text(yaml.safe_dump(document | ({"current-context": current} if current else {})))
    return str(path)


def choose(service_account: Path, **given: Any) -> Source:
    """`choose_source`, in a pod if `environ` says so, with nothing set but `given`."""
    unset = dict.fromkeys(("run_local", "kubeconfig", "context", "namespace"))
    return choose_source(
        **({"environ": {}} | unset | given),
        service_account=service_account,
    )


def test_on_a_machine_it_is_the_kubeconfig(home: Path, service_account: Path) -> None:
    file = kubeconfig(home / ".kube" / "config", "a", current="a")
    source = choose(service_account)
    assert source.kubeconfig == file
    assert source.text == f"kubeconfig {file}"


def test_in_a_pod_it_is_the_service_account(home: Path, service_account: Path) -> None:
    kubeconfig(home / ".kube" / "config", "a", current="a")
    source = choose(service_account, environ=IN_A_POD)
    assert source == Source(None, None, None)
    assert namespace_of(source, service_account=service_account) == "cubes"


def test_run_local_overrides_the_choice_both_ways(home: Path, service_account: Path) -> None:
    file = kubeconfig(home / ".kube" / "config", "a", current="a")
    assert choose(service_account, environ=IN_A_POD, run_local="1").kubeconfig == file
    assert choose(service_account, environ=IN_A_POD, run_local="0").kubeconfig is None
    assert choose(service_account, environ=IN_A_POD, run_local="").kubeconfig is None


def test_run_local_is_1_or_0(service_account: Path) -> None:
    with pytest.raises(NotConfigured, match="RUN_LOCAL is 'yes'") as error:
        choose(service_account, run_local="yes")
    assert "Set it to 1" in error.value.remedy


def test_neither_in_a_cluster_nor_a_kubeconfig(service_account: Path, tmp_path: Path) -> None:
    with pytest.raises(NotConfigured) as error:
        choose(service_account, kubeconfig=str(tmp_path / "none"))
    assert error.value.fault == (
        f"This is not a pod of a cluster, and there is no kubeconfig at {tmp_path}/none"
    )
    assert error.value.remedy == "Set KUBECONFIG to the file that describes the cluster."
    assert str(error.value) == f"{error.value.fault}. {error.value.remedy}"
    file = kubeconfig(tmp_path / "file", "a", current="a")
    assert choose(service_account, kubeconfig=file).kubeconfig == file  # the remedy


def test_told_to_use_a_kubeconfig_within_a_cluster_that_has_none(service_account: Path) -> None:
    with pytest.raises(NotConfigured) as error:
        choose(service_account, environ=IN_A_POD, run_local="1")
    assert "asks for a kubeconfig, but this is a pod of a cluster" in error.value.fault
    assert error.value.remedy.startswith("Unset XCUBE_HUB_RUN_LOCAL, or set it to 0")
    assert choose(service_account, environ=IN_A_POD, run_local="0").kubeconfig is None  # the remedy


def test_told_to_use_a_service_account_where_there_is_none(
    home: Path, service_account: Path
) -> None:
    kubeconfig(home / ".kube" / "config", "a", current="a")
    with pytest.raises(NotConfigured, match="not a pod") as error:
        choose(service_account, run_local="0")
    assert "XCUBE_HUB_RUN_LOCAL=1" in error.value.remedy
    (service_account / "token").unlink()
    with pytest.raises(NotConfigured, match="service account is not mounted"):
        choose(service_account, run_local="0", environ=IN_A_POD)


def test_a_context_can_be_named(tmp_path: Path, service_account: Path) -> None:
    file = kubeconfig(tmp_path / "file", "a", "b", current="a")
    of_a = choose(service_account, kubeconfig=file)
    of_b = choose(service_account, kubeconfig=file, context="b")
    assert of_b.text == f"kubeconfig {file}, context b"
    assert (namespace_of(of_a), namespace_of(of_b)) == ("ns-a", "ns-b")
    assert load(of_a).host == "https://a.example"
    assert load(of_b).host == "https://b.example"
    assert load(of_b).get_api_key_with_prefix("BearerToken") == "Bearer token-of-b"


def test_a_context_can_be_named_where_none_is_current(
    tmp_path: Path, service_account: Path
) -> None:
    source = choose(service_account, kubeconfig=kubeconfig(tmp_path / "file", "a"), context="a")
    assert namespace_of(source) == "ns-a"
    assert load(source).host == "https://a.example"


def test_an_unknown_context_is_told_with_those_that_there_are(
    tmp_path: Path, service_account: Path
) -> None:
    file = kubeconfig(tmp_path / "file", "a", "b", current="a")
    source = choose(service_account, kubeconfig=file, context="c")
    for look in (namespace_of, load):
        with pytest.raises(NotConfigured) as error:
            look(source)
        assert error.value.fault == f"XCUBE_HUB_KUBE_CONTEXT is 'c', which {file} does not have"
        assert error.value.remedy == "Set XCUBE_HUB_KUBE_CONTEXT to one that it has: a, b."


@pytest.mark.parametrize("current", [None, "gone"])
def test_a_file_without_a_current_context(
    tmp_path: Path, service_account: Path, current: str | None
) -> None:
    file = kubeconfig(tmp_path / "file", "a", current=current)
    with pytest.raises(NotConfigured, match="has no current context") as error:
        load(choose(service_account, kubeconfig=file))
    assert error.value.remedy == "Set XCUBE_HUB_KUBE_CONTEXT to one that it has: a."


def test_the_namespace_is_the_setting_else_that_of_the_context_else_default(
    tmp_path: Path, service_account: Path
) -> None:
    file = kubeconfig(tmp_path / "file", "a", current="a")
    assert namespace_of(choose(service_account, kubeconfig=file, namespace="mine")) == "mine"
    bare = kubeconfig(tmp_path / "bare", "a", current="a", namespace=None)
    assert namespace_of(choose(service_account, kubeconfig=bare)) == "default"
    (service_account / "namespace").write_text("\n")
    inside = choose(service_account, environ=IN_A_POD)
    assert namespace_of(inside, service_account=service_account) == "default"


def test_several_files_are_one_and_missing_ones_are_passed_over(
    tmp_path: Path, home: Path, service_account: Path
) -> None:
    kubeconfig(home / "first", "a")
    second = kubeconfig(tmp_path / "second", "b", "a", current="b")
    paths = f"~/first:{tmp_path}/missing:{second}"
    source = choose(service_account, kubeconfig=paths)
    assert source.kubeconfig == f"{home}/first:{second}"
    assert load(source).host == "https://b.example"  # the only current one
    of_a = choose(service_account, kubeconfig=paths, context="a")
    assert load(of_a).host == "https://a.example"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [b", "it is not YAML (line 1)"),
        ("\tclusters: []", "it is not YAML (line 1)"),
        ("\0", "it is not YAML"),
        ("just words", "it is not a kubeconfig"),
        ("[1, 2]", "it is not a kubeconfig"),
        ("{}", "has no current context"),
        ("contexts: {a: b}", "it is not a kubeconfig"),
        ("", "is empty"),
    ],
)
def test_a_broken_file_is_told_in_a_sentence(
    tmp_path: Path, service_account: Path, content: str, said: str
) -> None:
    file = tmp_path / "file"
    file.write_text(content)
    source = choose(service_account, kubeconfig=str(file))
    for look in (namespace_of, load):
        with pytest.raises(NotConfigured) as error:
            look(source)
        assert said in error.value.fault
        assert str(file) in error.value.fault


def test_a_binary_file_is_told_in_a_sentence(tmp_path: Path, service_account: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(NotConfigured, match="cannot be used"):
        load(choose(service_account, kubeconfig=str(file)))


def test_a_faulty_entry_is_told_without_its_token(tmp_path: Path, service_account: Path) -> None:
    file = Path(kubeconfig(tmp_path / "file", "a", current="a"))
    document = yaml.safe_load(file.read_text())
    document["users"] = [{"name": "a", "usr": {"token": "not-to-be-told"}}]
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(NotConfigured, match="cannot be used: Invalid kube-config") as error:
        load(choose(service_account, kubeconfig=str(file)))
    assert "not-to-be-told" not in "".join(traceback.format_exception(error.value))


def test_a_missing_authority_is_told(tmp_path: Path, service_account: Path) -> None:
    file = Path(kubeconfig(tmp_path / "file", "a", current="a"))
    document = yaml.safe_load(file.read_text())
    document["clusters"][0]["cluster"]["certificate-authority"] = "missing.crt"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(NotConfigured, match=r"File does not exist: .*missing\.crt"):
        load(choose(service_account, kubeconfig=str(file)))


def test_the_service_account_is_read_anew_each_time(service_account: Path) -> None:
    def token() -> str:
        given = load(Source(None, None, None), environ=IN_A_POD, service_account=service_account)
        assert given.host == "https://10.96.0.1:443"
        return given.get_api_key_with_prefix("BearerToken")

    assert token() == "bearer of-the-pod"
    (service_account / "token").write_text("rotated")
    assert token() == "bearer rotated"


def test_a_half_mounted_service_account_is_told(service_account: Path) -> None:
    (service_account / "ca.crt").unlink()
    with pytest.raises(NotConfigured, match="service account of this pod cannot be used") as error:
        load(Source(None, None, None), environ=IN_A_POD, service_account=service_account)
    assert "service account" in error.value.remedy
