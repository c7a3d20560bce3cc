"""The ledger says who moved units, also when it was done at the command line."""

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import LedgerEntry
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "command",
    [
        ["grant_units", "--units", "5"],
        ["grant_units", "--units", "5", "--override"],
        ["grant_units", "--units", "5", "--expires", "2999-01-31"],
        ["correct_units", "--units", "5", "--reason", "lost"],
        ["create_client", "--permission", "manage:cubegens", "--units", "5"],
    ],
)
def test_every_command_that_moves_units_is_named_with_who_ran_it(command, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ann")
    user = make_user()
    call_command(*command, "--email", user.email, stdout=io.StringIO())
    entry = LedgerEntry.objects.latest("pk")
    assert entry.done_by.startswith("command line: ann@")
    assert entry.actor is None


def test_a_user_of_the_hub_is_named_by_e_mail():
    from accounts.units import ledger

    operator = make_user("operator@example.org")
    entry = ledger.grant(make_user(), 5, key="k", actor=operator)
    assert (entry.done_by, entry.actor_name) == ("operator@example.org", "")


def test_a_person_is_not_deleted_without_a_terminal_or_a_yes(monkeypatch):
    user = make_user("ann@example.org")
    monkeypatch.setattr("sys.stdin", io.StringIO("ann@example.org\n"))
    with pytest.raises(CommandError, match="--yes"):
        call_command("forget_person", "--email", user.email)
    user.refresh_from_db()
    assert user.email == "ann@example.org"
