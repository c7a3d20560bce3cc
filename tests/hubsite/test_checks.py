"""What the hub refuses to start with, and whether it says what to set."""

import os
import subprocess
import sys

import pytest

from accounts import checks as accounts_checks
from hubsite import checks
from hubsite.configuration.reading import BASE_DIR
from jobs import checks as jobs_checks

GOOD = {
    "PRODUCTION": True,
    "SECRET_KEY_IS_EMBEDDED": False,
    "SECRET_KEY": "k" * 50,
    "TOKEN_SECRETS_ARE_EMBEDDED": False,
    "DEBUG": False,
    "IS_SQLITE": False,
    "ALLOWED_HOSTS": ["hub.example.org"],
}


@pytest.fixture
def production(settings):
    for name, value in GOOD.items():
        setattr(settings, name, value)
    settings.HUB = {**settings.HUB, "XCUBE_HUB_ALLOWED_HOSTS": ["hub.example.org"]}
    return settings


def test_a_well_set_production_hub_starts(production):
    assert checks.check_production() == []


@pytest.mark.parametrize(
    ("name", "value", "to_set"),
    [
        ("SECRET_KEY_IS_EMBEDDED", True, "XCUBE_HUB_SECRET_KEY"),
        ("SECRET_KEY", "short", "XCUBE_HUB_SECRET_KEY"),
        ("TOKEN_SECRETS_ARE_EMBEDDED", True, "XCUBE_HUB_TOKEN_SECRETS"),
        ("DEBUG", True, "XCUBE_HUB_DEBUG"),
        ("IS_SQLITE", True, "DATABASE_URL"),
        ("ALLOWED_HOSTS", ["*"], "XCUBE_HUB_ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["*.example.org"], "XCUBE_HUB_ALLOWED_HOSTS"),
    ],
)
def test_production_refuses_what_only_development_may_have(production, name, value, to_set):
    setattr(production, name, value)
    (error,) = checks.check_production()
    assert to_set in error.hint


def test_development_may_have_it_all(production):
    production.PRODUCTION = False
    production.DEBUG = True
    assert checks.check_production() == []


def test_short_token_secrets_are_refused(settings):
    settings.TOKEN_SECRETS = ["x" * 32, "short"]
    (error,) = accounts_checks.check_token_secrets()
    assert "XCUBE_HUB_TOKEN_SECRETS" in error.msg


def test_keys_lie_in_one_place_and_are_long_there_too(settings, tmp_path):
    path = tmp_path / "keys"
    settings.TOKEN_SECRETS = []
    settings.HUB = {**settings.HUB, "XCUBE_HUB_TOKEN_SECRETS_FILE": path}
    assert accounts_checks.check_token_secrets() == []  # it will be made
    path.write_text(f"{'x' * 32}\nshort 2026-01-01T00:00:00Z\n")
    (error,) = accounts_checks.check_token_secrets()
    assert "1 of the keys in XCUBE_HUB_TOKEN_SECRETS_FILE" in error.msg
    settings.TOKEN_SECRETS = ["x" * 32]
    (error,) = accounts_checks.check_token_secrets()
    assert "both set" in error.msg


def test_tokens_for_geodb_are_signed_or_fetched_and_not_half_of_it(settings):
    url = {"XCUBE_HUB_GEODB_TOKEN_URL": "https://idp.example.org/token"}
    pair = {"XCUBE_HUB_GEODB_CLIENT_ID": "id", "XCUBE_HUB_GEODB_CLIENT_SECRET": "secret"}
    unset = settings.HUB
    for given, expected in ((url, ["E015"]), (pair, ["W015"]), ({**url, **pair}, []), ({}, [])):
        settings.HUB = {**unset, **given}
        assert [fault.id.rpartition(".")[2] for fault in accounts_checks.check_geodb()] == expected


def test_networks_must_be_networks(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OWN_STORE_NETWORKS": ["10.0.0.0/8", "10.1/33"]}
    (error,) = jobs_checks.check_networks()
    assert "10.1/33" in error.msg


@pytest.fixture
def in_a_cluster(settings):
    """Settings of a hub whose jobs run in Kubernetes."""
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ENGINE": "kubernetes",
        "XCUBE_HUB_CALLBACK_URL": "https://hub.example.org/api/v2",
    }
    return settings


def test_a_hub_for_a_cluster_that_has_what_it_needs_is_not_faulted(in_a_cluster):
    assert checks.check_kubernetes() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_pods_cannot_report_to_this_machines_loopback(in_a_cluster, host):
    in_a_cluster.HUB["XCUBE_HUB_CALLBACK_URL"] = f"http://{host}:8080/api/v2"
    (error,) = checks.check_kubernetes()
    assert error.id == "hubsite.E007"
    assert "XCUBE_HUB_CALLBACK_URL" in error.msg


@pytest.mark.parametrize("secret", [None, "short"])
@pytest.mark.parametrize("engine", ["local", "kubernetes"])
def test_estimators_elsewhere_are_called_with_a_secret(in_a_cluster, engine, secret):
    in_a_cluster.HUB["XCUBE_HUB_ENGINE"] = engine
    in_a_cluster.HUB["XCUBE_HUB_ESTIMATOR_URL"] = "http://xcube-hub-estimator:8080"
    in_a_cluster.HUB["XCUBE_HUB_ESTIMATOR_SECRET"] = secret
    (error,) = checks.check_estimator()
    assert error.id == "hubsite.E010"
    in_a_cluster.HUB["XCUBE_HUB_ESTIMATOR_SECRET"] = "s" * 32
    assert checks.check_estimator() == []


@pytest.mark.parametrize("volume", ["data", "data:relative", "data:/a/../b", "data:/a:rw"])
def test_a_volume_that_is_not_understood_is_told_before_any_job(in_a_cluster, volume):
    in_a_cluster.HUB["XCUBE_HUB_POD_VOLUMES"] = [volume]
    (error,) = checks.check_kubernetes()
    assert volume in error.msg


def test_a_claim_is_not_shared_where_users_have_folders_in_it(in_a_cluster):
    in_a_cluster.HUB["XCUBE_HUB_POD_VOLUMES"] = ["data:/data", "data:/home:per-user", "x:/x"]
    (error,) = checks.check_kubernetes()
    assert error.id == "hubsite.E012"
    assert "names data both" in error.msg


def test_a_local_engine_needs_nothing_of_a_cluster(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_POD_VOLUMES": ["nonsense"]}
    assert checks.check_kubernetes() == []


def test_links_of_a_production_hub_should_be_https(production):
    (warning,) = checks.check_public_url()
    assert "XCUBE_HUB_PUBLIC_URL" in warning.msg


def test_a_missing_xcube_is_told_with_its_mend(settings, tmp_path):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_XCUBE_PYTHON": tmp_path / "python"}
    (warning,) = jobs_checks.check_xcube()
    assert "make xcube" in warning.hint


def test_xcube_is_not_missed_on_a_machine_that_neither_runs_nor_estimates(in_a_cluster, tmp_path):
    in_a_cluster.HUB["XCUBE_HUB_XCUBE_PYTHON"] = tmp_path / "python"
    assert jobs_checks.check_xcube() != []
    in_a_cluster.HUB["XCUBE_HUB_ESTIMATOR_URL"] = "http://xcube-hub-estimator:8080"
    assert jobs_checks.check_xcube() == []


def test_a_broken_stores_file_is_told(settings, tmp_path):
    path = tmp_path / "stores.yaml"
    path.write_text("demo: {}")
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    (error,) = jobs_checks.check_stores_file()
    assert "stores.yaml" in error.msg


def test_a_check_for_production_in_development_says_how_to_check_production(settings):
    settings.PRODUCTION = False
    (warning,) = checks.check_environment()
    assert "XCUBE_HUB_ENV=production" in warning.hint
    settings.PRODUCTION = True
    assert checks.check_environment() == []


@pytest.mark.parametrize(
    ("environment", "is_told"),
    [
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, True),
        ({"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, True),
        ({"LC_ALL": "C.UTF-8"}, False),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, False),
    ],
)
def test_a_locale_without_utf_8_is_told(environment, is_told, tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_DATA_DIR": str(tmp_path),
            **environment,
        },
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert (b"PYTHONUTF8=1" in done.stderr) == is_told, done.stderr
