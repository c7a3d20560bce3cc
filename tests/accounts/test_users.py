"""Who a user is: one per e-mail, with an id that never changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from accounts.models.user_ids import user_id_of

from .factories import make_user

pytestmark = pytest.mark.django_db


def test_the_user_id_is_the_md5_of_the_email_as_it_was_given():
    assert user_id_of("a@b.c") == "a5d60d4e28066df254d5452f92c910092"
    assert make_user("Ann@B.org").user_id == user_id_of("Ann@B.org") != user_id_of("ann@b.org")


def test_spellings_that_differ_in_case_are_one_user():
    user, is_new = User.objects.get_or_create_by_email("Ann@Example.org")
    again, is_new_again = User.objects.get_or_create_by_email(" ann@EXAMPLE.org ")
    assert (is_new, is_new_again) == (True, False)
    assert again == user
    assert again.email == "Ann@Example.org" == str(again)


def test_the_database_refuses_a_second_spelling():
    make_user("ann@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("ANN@example.org")


def test_validation_refuses_a_second_spelling_in_one_sentence():
    make_user("ann@example.org")
    with pytest.raises(ValidationError) as refused:
        User(email="ANN@example.org", password="!").full_clean()  # noqa: S106
    assert refused.value.messages == ["A user with this e-mail exists."]


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@", "ann\0@example.org", "a b@example.org", f"{'a' * 250}@b.org"]
)
def test_what_is_no_email_makes_no_user(email):
    with pytest.raises(ValidationError):
        User.objects.get_or_create_by_email(email)
    assert not User.objects.exists()


def test_cleaning_keeps_the_email_that_the_id_was_made_from():
    user = User(email="Ann@Example.ORG")
    user.set_unusable_password()
    user.full_clean()
    user.save()
    assert user.username == user_id_of("Ann@Example.ORG")


def test_the_id_outlives_a_change_of_the_email_and_is_not_given_twice():
    first = make_user("ann@example.org")
    first.email = "ann@elsewhere.org"
    first.save()
    second = make_user("ann@example.org")
    first.refresh_from_db()
    assert first.user_id == user_id_of("ann@example.org")
    assert second.user_id != first.user_id
    assert len(second.user_id) == 33


@pytest.mark.parametrize("typed", ["ann@example.org", "ANN@example.org", None])
def test_one_signs_in_with_email_or_user_id(typed):
    user = make_user("ann@example.org", password="correct horse")  # noqa: S106
    assert authenticate(username=typed or user.user_id, password="correct horse") == user
    assert authenticate(username=typed or user.user_id, password="wrong") is None


def test_nobody_signs_in_with_an_unknown_name():
    assert authenticate(username="nobody", password="x") is None
    assert authenticate(username="nobody@example.org", password="x") is None


def test_createsuperuser_asks_for_an_email_only(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse")
    call_command("createsuperuser", "--noinput", "--email", "root@example.org")
    root = User.objects.get_by_email("root@example.org")
    assert root.user_id == user_id_of("root@example.org")
    assert root.is_superuser and root.is_staff and root.is_operator
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", "--noinput", "--email", "ROOT@example.org")


@pytest.mark.django_db(transaction=True)
def test_arriving_at_once_makes_one_user():
    def arrive(number: int) -> tuple[int, bool]:
        try:
            spelling = "Ann@example.org" if number % 2 else "ann@example.org"
            user, is_new = User.objects.get_or_create_by_email(spelling)
            return user.pk, is_new
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(arrive, range(24)))
    assert len({pk for pk, _ in results}) == 1
    assert [is_new for _, is_new in results].count(True) == 1
    assert User.objects.count() == 1


def test_an_email_that_another_request_registers_meanwhile_is_found(monkeypatch):
    """The losing side of the race, without the race."""
    user = make_user("ann@example.org")
    look_up = type(User.objects).get_by_email
    answers = iter([User.DoesNotExist])

    def first_misses(self, email):
        for error in answers:
            raise error
        return look_up(self, email)

    monkeypatch.setattr(type(User.objects), "get_by_email", first_misses)
    with transaction.atomic():
        assert User.objects.get_or_create_by_email("ANN@example.org") == (user, False)
        assert User.objects.count() == 1  # the surrounding transaction is still usable
