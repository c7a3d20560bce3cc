"""What the hub refuses to start with, and whether it says what to set."""

import pytest

from hubsite import checks
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
    (error,) = checks.check_token_secrets()
    assert "XCUBE_HUB_TOKEN_SECRETS" in error.msg


def test_networks_must_be_networks(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OWN_STORE_NETWORKS": ["10.0.0.0/8", "10.1/33"]}
    (error,) = checks.check_networks()
    assert "10.1/33" in error.msg


def test_run_local_alone_asks_for_an_engine_that_is_not_there(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_RUN_LOCAL": "1"}
    settings.HUB_GIVEN = frozenset()
    (error,) = checks.check_engine()
    assert "XCUBE_HUB_ENGINE=local" in error.hint
    settings.HUB_GIVEN = frozenset({"XCUBE_HUB_ENGINE"})
    assert checks.check_engine() == []


def test_links_of_a_production_hub_should_be_https(production):
    (warning,) = checks.check_public_url()
    assert "XCUBE_HUB_PUBLIC_URL" in warning.msg


def test_a_missing_xcube_is_told_with_its_mend(settings, tmp_path):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_XCUBE_PYTHON": tmp_path / "python"}
    (warning,) = jobs_checks.check_xcube()
    assert "make xcube" in warning.hint


def test_a_broken_stores_file_is_told(settings, tmp_path):
    path = tmp_path / "stores.yaml"
    path.write_text("demo: {}")
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    (error,) = jobs_checks.check_stores_file()
    assert "stores.yaml" in error.msg
