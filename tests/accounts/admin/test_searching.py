"""Lists of the admin are searched by columns of their own table, however many rows it has."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.admin import searching
from accounts.admin.base import OperatorAdmin
from accounts.admin.indexing import finds
from accounts.admin.paging import UncountedPaginator
from accounts.admin.searching import found
from accounts.models import (
    AccessToken,
    Client,
    Identity,
    LedgerEntry,
    Notice,
    User,
    WebhookDelivery,
)
from accounts.units import ledger
from jobs.models import Job
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

FIELDS = ["=reference", "user__email"]


@pytest.fixture
def entries():
    for name in ("ann", "bob"):
        make_user(f"{name}@example.org", units=5)
    return LedgerEntry.objects.all()


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("ann", {"ann"}),
        (" ANN@example.org ", {"ann"}),
        ("example", {"ann", "bob"}),
        ("", {"ann", "bob"}),
        ("%", set()),
        ("nobody", set()),
        ("x" * 5000, set()),
    ],
)
def test_who_is_named_is_found(entries, text, whose):
    assert {entry.user.email.partition("@")[0] for entry in found(entries, FIELDS, text)} == whose


def test_an_id_is_found_as_it_is_written(entries):
    ann = entries.get(user__email="ann@example.org").user
    entry = ledger.reserve(ann, 1, reference="A-job", key="k")
    assert list(found(entries, FIELDS, "A-job")) == [entry]
    assert not found(entries, FIELDS, "a-job")


def test_a_part_of_a_name_is_looked_for_in_the_newest_rows_only(entries, monkeypatch):
    monkeypatch.setattr(searching, "NEWEST", 2)
    owner = User.objects.get(email="ann@example.org")
    clients = [Client.objects.create(owner=owner, name=f"Map {n}") for n in range(3)]
    fields = ["=client_id", "name", "owner__email"]
    for text, wanted in (
        ("map", clients[1:]),
        (clients[0].client_id, clients[:1]),
        ("ann@", clients),
        ("map 0", []),
    ):
        rows = Client.objects.order_by("pk")
        assert list(found(rows, fields, text)) == wanted, text
    assert len(found(Client.objects.all(), fields, "map", is_short=True)) == 3


def test_a_list_says_in_what_it_looks_for_parts_of_names(rf):
    request = rf.get("/")
    request.user = make_user(is_superuser=True, is_staff=True)
    for model, is_said in ((Client, True), (Job, True), (Notice, False), (User, False)):
        shown = admin.site.get_model_admin(model).get_changelist_instance(request)
        assert ("in the newest 10,000 rows" in shown.search_help_text) == is_said, model


def test_an_index_has_each_id_that_a_long_list_is_searched_for():
    ours = [it for it in admin.site._registry.values() if isinstance(it, OperatorAdmin)]
    ids = [
        (it.model, field.removeprefix("="))
        for it in ours
        for field in it.search_fields
        if not it.is_short and field.startswith("=") and "__" not in field
    ]
    assert len(ids) > 5
    assert [one for one in ids if not finds(*one)] == []


def test_no_table_is_joined(entries):
    for model, fields in (
        (LedgerEntry, FIELDS),
        (WebhookDelivery, ["=message_id", "webhook__user__email"]),
    ):
        rows = found(model._default_manager.order_by(), fields, "ann")
        with CaptureQueriesContext(connection) as captured:
            list(rows)
        assert len(captured) == 1 and " JOIN " not in captured[0]["sql"]


def test_a_long_list_is_sorted_only_by_what_an_index_has_in_order(rf):
    request = rf.get("/")
    request.user = make_user()
    for model, columns in (
        (LedgerEntry, []),
        (Identity, ["subject"]),
        (AccessToken, ["expires_at"]),
        (User, ["email", "units", "roles", "signed_in", "state"]),
        (Job, ["submitted"]),
    ):
        sortable = admin.site.get_model_admin(model).get_sortable_by(request)
        assert [name for name in sortable if isinstance(name, str)] == columns, model


def test_no_list_of_ours_counts_all_rows():
    ours = [it for it in admin.site._registry.values() if isinstance(it, OperatorAdmin)]
    assert len(ours) > 15
    for model_admin in ours:
        assert issubclass(model_admin.paginator, UncountedPaginator), model_admin
        assert model_admin.show_facets == admin.ShowFacets.NEVER, model_admin
        assert not model_admin.show_full_result_count, model_admin
