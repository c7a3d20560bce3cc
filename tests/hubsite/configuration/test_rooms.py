"""Settings are declared beside the room that uses them, and read as typed attributes."""

from __future__ import annotations

import types
import typing
from pathlib import Path

import pytest

from hubsite.configuration.reading import ConfigurationError, boolean, read, whole_number
from hubsite.configuration.rooms import Room, setting
from hubsite.configuration.table import ROOMS, SETTINGS, _rooms
from hubsite.engines.settings import hub as engines_hub
from services.cate.settings import CateSettings
from services.geoserver.settings import GeoserverSettings
from services.settings import hub

DECLARED = [(room, row) for room in _rooms() for row in room.rows]


class HarbourSettings(Room):
    """For the tests."""

    section = "Harbour"

    berths: int = setting("HARBOUR_BERTHS", whole_number, 3, minimum=1)
    """Ships that
    may lie here."""

    is_open: bool = setting("HARBOUR_IS_OPEN", boolean, lambda hub: hub.berths > 2)
    """Whether ships may come in."""

    is_known: bool = setting(
        "HARBOUR_IS_KNOWN", boolean, lambda hub: hub.is_given("HARBOUR_BERTHS")
    )
    """Whether somebody counted the berths."""


def harbour(**environment: str) -> HarbourSettings:
    reading = read(HarbourSettings.rows, environment)
    return HarbourSettings(reading.values, reading.given)


def test_a_setting_is_an_attribute():
    assert (harbour().berths, harbour(HARBOUR_BERTHS="7").berths) == (3, 7)


def test_a_default_may_follow_from_other_settings_and_from_who_set_them():
    assert (harbour().is_open, harbour(HARBOUR_BERTHS="2").is_open) == (True, False)
    assert harbour(HARBOUR_BERTHS="2", HARBOUR_IS_OPEN="yes").is_open is True
    assert (harbour().is_known, harbour(HARBOUR_BERTHS="3").is_known) == (False, True)


def test_the_text_below_a_declaration_is_its_help():
    (berths, *_) = HarbourSettings.rows
    assert (berths.help, berths.section) == ("Ships that may lie here.", "Harbour")
    with pytest.raises(ConfigurationError, match="HARBOUR_BERTHS='0': expected 1 or more"):
        harbour(HARBOUR_BERTHS="0")


def test_a_test_replaces_a_value_as_before(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_JOB_DEADLINE_S": 7}
    assert hub.job_deadline_s == 7
    settings.HUB_GIVEN = {"XCUBE_HUB_STORES": "XCUBE_HUB_STORES"}
    assert hub.is_given("XCUBE_HUB_STORES")
    assert not hub.is_given("XCUBE_HUB_PORT")


def test_a_name_that_no_room_declares_fails_at_once():
    with pytest.raises(AttributeError):
        hub.job_deadlines_s  # noqa: B018


def test_a_room_has_the_settings_of_the_rooms_that_it_may_import(settings):
    assert hub.public_url == engines_hub.public_url == settings.HUB["XCUBE_HUB_PUBLIC_URL"]
    assert hub.token_lifetime_s and hub.engine
    assert not hasattr(engines_hub, "token_lifetime_s")
    for room, _ in DECLARED:
        assert issubclass(CateSettings, room) or issubclass(GeoserverSettings, room)


def test_every_module_of_the_table_declares_something():
    assert {room.__module__ for room, _ in DECLARED} == set(ROOMS)
    assert [row for _, row in DECLARED] == list(SETTINGS)


@pytest.mark.parametrize(("room", "row"), DECLARED, ids=lambda value: getattr(value, "name", ""))
def test_the_declared_type_is_that_of_the_value(room, row):
    (name,) = [name for name, it in vars(room).items() if getattr(it, "name", None) == row.name]
    hint = typing.get_type_hints(room)[name]
    value = read(SETTINGS, {}).values[row.name]
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = tuple(typing.get_origin(one) or one for one in allowed)
    assert isinstance(value, kinds), f"{value!r} is no {hint}"
    assert isinstance(value, Path | str | int | bool | list | dict | tuple | None)
