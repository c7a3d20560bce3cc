"""Whose account a provider's account becomes, and what it brings and takes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from accounts.models import Identity, Service, User
from accounts.sign_on.claims import Person
from accounts.sign_on.linking import SignOnRefused, identify, keep_in_step, withdraw
from accounts.subscriptions.subscribing import Wish, subscribe, unsubscribe
from hubsite.audit import AuditEntry
from tests.accounts.factories import make_user

from .issuer import provider

pytestmark = pytest.mark.django_db

EDC = provider()
OTHER = provider(key="other", issuer="https://other.example.org/", name="Other")


def person(subject: str = "1", email: str = "ann@example.org", **fields) -> Person:
    return Person(
        **{
            "subject": subject,
            "email": email,
            "email_is_verified": True,
            "first_name": "Ann",
            "last_name": "Example",
            "roles": frozenset(),
            "is_staff": False,
            **fields,
        }
    )


def sign_on(its, who: Person) -> User:
    identity = identify(its, who)
    keep_in_step(identity, its, who)
    return User.objects.get(pk=identity.user_id)


def refusal(its, who: Person) -> str:
    with pytest.raises(SignOnRefused) as refused:
        identify(its, who)
    assert str(refused.value).isascii()
    return str(refused.value)


def roles(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_a_new_person_becomes_a_new_user():
    user = sign_on(EDC, person())
    assert (user.email, user.first_name, user.has_usable_password()) == (
        "ann@example.org",
        "Ann",
        False,
    )
    assert sign_on(EDC, person()) == user


def test_the_email_links_to_a_user_whom_nobody_signs_in_as_yet():
    user = make_user("Ann@Example.org")
    assert sign_on(EDC, person(email="ann@example.org")) == user


def test_the_subject_counts_and_not_the_email():
    user = sign_on(EDC, person())
    assert sign_on(EDC, person(email="else@example.org")) == user
    assert "by another account already" in refusal(EDC, person("2", email="else@example.org"))


def test_the_same_subject_of_another_issuer_is_somebody_else():
    user = sign_on(EDC, person())
    assert "by another account already" in refusal(OTHER, person())
    assert sign_on(OTHER, person("1", email="bob@example.org")) != user


@pytest.mark.parametrize("email", ["known@example.org", "unknown@example.org"])
@pytest.mark.parametrize(
    ("its", "fields", "reason"),
    [
        (provider(trust_email=False), {}, "does not take e-mail addresses from Tenant"),
        (EDC, {"email_is_verified": False}, "does not say that this e-mail address is verified"),
    ],
)
def test_an_email_that_is_not_to_be_trusted_waits_and_tells_nothing(its, fields, reason, email):
    make_user("known@example.org")
    told = refusal(its, person(email=email, **fields))
    assert reason in told
    assert "An operator of the hub must first say whose account it is" in told
    assert User.objects.count() == 1
    assert Identity.objects.get().user is None


def test_one_who_waited_is_linked_once_the_email_is_verified():
    assert "verified" in refusal(EDC, person(email_is_verified=False))
    assert sign_on(EDC, person()).email == "ann@example.org"
    assert Identity.objects.count() == 1


@pytest.mark.parametrize("power", ["is_staff", "is_superuser", "operate:hub"])
def test_no_email_links_to_an_operator(power):
    fields = {} if ":" in power else {power: True}
    make_user("op@example.org", [power] if ":" in power else [], **fields)
    assert "that of an operator" in refusal(EDC, person(email="op@example.org"))


@pytest.mark.parametrize("email", ["", "no address"])
def test_without_an_email_one_waits(email):
    assert "An operator of the hub" in refusal(EDC, person(email=email))
    assert User.objects.count() == 0


def test_who_is_switched_off_is_refused():
    sign_on(EDC, person())
    User.objects.update(is_active=False)
    assert "switched off" in refusal(EDC, person())


def test_the_email_follows_unless_it_is_somebody_elses():
    user = sign_on(EDC, person())
    user_id = user.user_id
    assert sign_on(EDC, person(email="new@example.org")).email == "new@example.org"
    make_user("taken@example.org")
    user = sign_on(EDC, person(email="taken@example.org"))
    assert (user.email, user.user_id) == ("new@example.org", user_id)


def test_an_email_that_an_operator_set_stays():
    sign_on(EDC, person())
    User.objects.update(email="set@example.org")
    assert sign_on(EDC, person(email="new@example.org")).email == "set@example.org"


def test_roles_come_and_go_with_the_claims_and_those_given_by_hand_stay():
    user = sign_on(EDC, person(roles=frozenset({"cube-generation"})))
    assert roles(user) == {"cube-generation"}
    user.groups.add(Group.objects.get(name="user-code"))
    assert roles(sign_on(EDC, person(roles=frozenset({"user-code"})))) == {"user-code"}
    assert roles(sign_on(EDC, person())) == {"user-code"}


def test_a_role_that_two_providers_bring_goes_with_the_second():
    role = frozenset({"cube-generation"})
    user = sign_on(EDC, person(roles=role))
    Identity.objects.create(
        user=user, issuer=OTHER.issuer, subject="9", given_roles=["cube-generation"]
    )
    assert roles(sign_on(EDC, person())) == {"cube-generation"}
    assert roles(sign_on(OTHER, person("9"))) == set()


def test_a_missing_role_is_made_again_and_an_unknown_one_passed_over():
    Group.objects.filter(name="cube-generation").delete()
    user = sign_on(EDC, person(roles=frozenset({"cube-generation", "no such role"})))
    assert roles(user) == {"cube-generation"}
    assert user.has_perm("accounts.manage:cubegens")


def test_staff_status_comes_and_goes_with_its_role_and_that_given_by_hand_stays():
    assert sign_on(EDC, person(is_staff=True)).is_staff
    user = sign_on(EDC, person())
    assert not user.is_staff
    User.objects.update(is_staff=True)
    assert sign_on(EDC, person(is_staff=True)).is_staff
    assert sign_on(EDC, person()).is_staff


def test_an_identity_that_goes_to_another_takes_along_what_it_brought():
    user = sign_on(EDC, person(roles=frozenset({"operator"}), is_staff=True))
    identity = user.identities.get()
    withdraw(identity)
    user.refresh_from_db()
    assert (roles(user), user.is_staff) == (set(), False)
    assert (identity.given_roles, identity.gave_staff) == ([], False)


def test_a_role_that_a_subscription_means_stays_when_the_provider_takes_it_back():
    user = sign_on(EDC, person(roles=frozenset({"cube-generation"})))
    subscribe(Service.GEN, Wish(email=user.email, guid="g"), actor="test")
    assert roles(sign_on(EDC, person())) == {"cube-generation"}


def test_no_email_links_to_the_account_of_a_machine():
    make_user("ann@example.org", is_service_account=True)
    assert "machine's account" in refusal(EDC, person())


def test_a_role_that_only_the_subscription_means_still_goes_when_it_ends():
    user = sign_on(EDC, person(roles=frozenset({"cube-generation"})))
    subscription, _ = subscribe(Service.GEN, Wish(email=user.email, guid="g"), actor="test")
    sign_on(EDC, person())
    assert roles(user) == {"cube-generation"}
    unsubscribe(Service.GEN, user.user_id, actor="test")
    assert roles(user) == set()


def test_a_role_given_by_hand_survives_both_the_provider_and_the_subscription():
    user = sign_on(EDC, person())
    user.groups.add(Group.objects.get(name="cube-generation"))
    sign_on(EDC, person(roles=frozenset({"cube-generation"})))
    subscribe(Service.GEN, Wish(email=user.email, guid="g"), actor="test")
    sign_on(EDC, person())
    unsubscribe(Service.GEN, user.user_id, actor="test")
    assert roles(user) == {"cube-generation"}


def test_an_email_that_is_none_does_not_become_the_users():
    user = sign_on(EDC, person())
    sign_on(EDC, person(email="ann@no host"))
    user.refresh_from_db()
    assert user.email == "ann@example.org"


def told_of(user: User) -> list[tuple[str, str, str]]:
    entries = AuditEntry.objects.filter(about=user).order_by("id")
    return list(entries.values_list("action", "actor_name", "detail"))


def test_the_audit_says_who_came_first_and_what_the_provider_changed():
    ann = sign_on(EDC, person(roles=frozenset({"cube-generation"}), is_staff=True))
    sign_on(EDC, person(roles=frozenset({"cube-generation"}), is_staff=True))
    sign_on(EDC, person(roles=frozenset({"user-code"})))
    assert told_of(ann) == [
        ("user.made", "ann@example.org", EDC.title),
        ("user.roles_followed", EDC.title, "+cube-generation +staff"),
        ("user.roles_followed", EDC.title, "+user-code -cube-generation -staff"),
    ]
    make_user("bob@example.org")
    bob = sign_on(OTHER, person("2", "bob@example.org"))
    assert told_of(bob) == [("user.linked", "bob@example.org", "Other")]
