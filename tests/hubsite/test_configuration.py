"""Settings: read once, typed, told in sentences, documented in one page."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from hubsite.configuration import (
    ConfigurationError,
    Setting,
    boolean,
    comma_list,
    file,
    folder,
    read,
    whole_number,
)
from hubsite.settings_table import SETTINGS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def one(kind, default=None, **options) -> tuple[Setting, ...]:
    return (Setting("HUB_X", kind, default, "What it is for.", "Section", **options),)


def value_of(kind, text: str, **options):
    return read(one(kind, **options), {"HUB_X": text})[0]["HUB_X"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "text", "text"),
        (boolean, "yes", True),
        (boolean, "Off", False),
        (boolean, "0", False),
        (whole_number, "8080", 8080),
        (whole_number, "1e4", 10_000),
        (comma_list, "a, b,,c ", ["a", "b", "c"]),
        (folder, "/data/hub", Path("/data/hub")),
        (file, "/data/stores.yaml", Path("/data/stores.yaml")),
    ],
)
def test_a_value_has_its_type(kind, text, value):
    assert value_of(kind, text) == value


def test_what_is_not_set_or_empty_has_its_default():
    assert read(one(str, "default"), {})[0] == {"HUB_X": "default"}
    assert read(one(str, "default"), {"HUB_X": ""})[0] == {"HUB_X": "default"}


def test_a_default_may_follow_from_settings_above_it():
    table = (
        Setting("PORT", whole_number, 8080, "", "S"),
        Setting("URL", str, lambda values: f"http://localhost:{values['PORT']}", "", "S"),
    )
    assert read(table, {"PORT": "9"})[0]["URL"] == "http://localhost:9"


def test_a_former_name_still_works_and_is_told():
    table = one(str, "default", former=("OLD_X", "OLDER_X"))
    values, by_former_name = read(table, {"OLDER_X": "old"})
    assert values == {"HUB_X": "old"}
    assert by_former_name == {"HUB_X": "OLDER_X"}


def test_the_name_of_today_wins_over_former_ones():
    values, by_former_name = read(one(str, former=("OLD_X",)), {"OLD_X": "old", "HUB_X": "new"})
    assert values == {"HUB_X": "new"}
    assert by_former_name == {}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (boolean, "perhaps"),
        (whole_number, "1.5"),
        (whole_number, "many"),
        (whole_number, "inf"),
        (whole_number, "nan"),
    ],
)
def test_a_value_of_another_type_is_told_in_a_sentence(kind, text):
    with pytest.raises(ConfigurationError) as fault:
        value_of(kind, text)
    assert f"HUB_X={text!r}" in str(fault.value)
    assert "set it to a value of type" in str(fault.value)
    assert str(fault.value).endswith(".")


def test_every_fault_is_told_at_once_and_by_the_name_that_was_set():
    table = (
        Setting("A", whole_number, 1, "", "S", former=("OLD_A",)),
        Setting("B", str, "x", "", "S", choices=("x", "y")),
    )
    with pytest.raises(ConfigurationError) as fault:
        read(table, {"OLD_A": "many", "B": "z"})
    first, second = str(fault.value).splitlines()
    assert first.startswith("OLD_A='many'")
    assert "expected one of x, y" in second


def test_a_secret_is_not_told():
    with pytest.raises(ConfigurationError) as fault:
        value_of(whole_number, "hunter2", secret=True)
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_explained_and_has_a_type_with_a_name(setting):
    assert setting.help.endswith(".")
    assert setting.section
    assert setting.type_name.replace(" ", "").replace("/", "").isalpha()


def test_no_name_means_two_settings():
    names = [name for setting in SETTINGS for name in (setting.name, *setting.former)]
    assert len(set(names)) == len(names)


def test_the_page_about_settings_is_up_to_date():
    """`python manage.py show_settings --markdown > docs/configuration.md`"""
    out = StringIO()
    call_command("show_settings", "--markdown", stdout=out)
    assert DOCUMENT.read_text() == out.getvalue()


def test_the_page_names_every_setting_and_no_value_of_this_machine(settings):
    text = DOCUMENT.read_text()
    assert all(f"`{setting.name}`" in text for setting in SETTINGS)
    assert str(Path(__file__).resolve().parents[2]) not in text


def test_the_command_shows_values_and_stars_secrets(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PORT": 9123, "XCUBE_HUB_SECRET_KEY": "hunter2"}
    out = StringIO()
    call_command("show_settings", stdout=out)
    assert "9123" in out.getvalue()
    assert "hunter2" not in out.getvalue()
    assert "****" in out.getvalue()
