"""Filters of lists that people keep: saved, renamed, shared, deleted, and who may do that."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory

from accounts.deletion import forget_person
from hubsite.console import saved_filters
from hubsite.console.saved_filters import FilteredPage, SavedFilter
from hubsite.refusals import Kind, Refused
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def pages(monkeypatch):
    """A list of everybody's own things, and one that operators share."""
    monkeypatch.setattr(saved_filters, "_pages", {})
    saved_filters.register(FilteredPage("mine", "cubes", lambda user: True))
    operates = lambda user: user.is_staff  # noqa: E731
    saved_filters.register(
        FilteredPage("ours", "admin:jobs_job_changelist", operates, operates, True)
    )


@pytest.fixture
def ann():
    return make_user("ann@example.org")


@pytest.fixture
def operators():
    return [make_user(f"o{number}@example.org", is_staff=True) for number in range(2)]


def browser_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(user, page="mine", **values):
    return browser_of(user).post(f"/filters/{page}", values)


def shown(user, page="mine", query="") -> str:
    request = RequestFactory().get(f"/?{query}")
    request.user = user
    template = Template("{% load console %}{% saved_filters page %}")
    return template.render(Context({"request": request, "page": page}))


def test_a_filter_is_saved_under_a_name_and_leads_to_its_list(ann):
    answer = post(ann, action="save", name="  Failed  ones ", query="state=failed&before=7&text=")
    assert answer["Location"] == "/cubes/?state=failed"
    saved = SavedFilter.objects.get()
    assert (saved.name, saved.query, saved.url) == (
        "Failed ones",
        "state=failed",
        answer["Location"],
    )
    html = shown(ann, query="state=failed")
    assert 'href="/cubes/?state=failed" aria-current="true"' in html
    assert "Save this filter" not in html  # it is saved already
    assert "Save this filter" in shown(ann, query="state=ready")


def test_the_same_name_again_replaces_the_filter(ann):
    for query in ("state=failed", "state=ready"):
        post(ann, action="save", name="Mine", query=query)
    assert [one.query for one in saved_filters.filters_of(ann, "mine")] == ["state=ready"]


def test_it_is_renamed_and_deleted_and_leads_back(ann):
    saved = saved_filters.save(ann, "mine", "a", "state=failed")
    other = saved_filters.save(ann, "mine", "b", "state=ready")
    answer = post(ann, action="rename", id=saved.pk, name="c", back="text=x")
    assert answer["Location"] == "/cubes/?text=x"
    assert post(ann, action="rename", id=saved.pk, name="b").status_code == 302  # taken: said so
    assert {one.name for one in saved_filters.filters_of(ann, "mine")} == {"b", "c"}
    post(ann, action="delete", id=saved.pk)
    assert saved_filters.filters_of(ann, "mine") == [other]


def test_others_do_not_see_it_and_change_nothing(ann):
    saved = saved_filters.save(ann, "mine", "a", "state=failed")
    bob = make_user("bob@example.org")
    assert saved_filters.filters_of(bob, "mine") == []
    for action in ("rename", "change", "delete"):
        assert post(bob, action=action, id=saved.pk, name="x").status_code == 404
    assert SavedFilter.objects.get().name == "a"


def test_only_lists_of_operators_are_shared(ann, operators):
    with pytest.raises(Refused) as refused:
        saved_filters.save(ann, "mine", "a", "state=failed", is_shared=True)
    assert refused.value.kind is Kind.FORBIDDEN
    assert post(ann, "ours", action="save", name="a", query="state=x").status_code == 404
    mine, colleague = operators
    saved = saved_filters.save(mine, "ours", "Lost", "reason=LOST", is_shared=True)
    assert saved_filters.filters_of(colleague, "ours") == [saved]
    assert "o0@example.org" in shown(colleague, "ours")
    with pytest.raises(Refused):
        saved_filters.rename(colleague, saved.pk, "Mine now")
    post(colleague, "ours", action="delete", id=saved.pk)
    assert not SavedFilter.objects.exists()


def test_the_dashboard_shows_those_that_are_meant_for_it(ann, operators):
    mine, colleague = operators
    saved = saved_filters.save(mine, "ours", "Lost", "reason=LOST", on_dashboard=True)
    assert saved_filters.on_dashboard(mine) == [saved]
    assert saved_filters.on_dashboard(colleague) == []
    post(mine, "ours", action="change", id=saved.pk, is_shared="on", on_dashboard="on")
    assert saved_filters.on_dashboard(colleague) == [saved]
    assert saved_filters.on_dashboard(ann) == []  # does not see that list
    with pytest.raises(Refused):
        saved_filters.save(mine, "mine", "a", "state=failed", on_dashboard=True)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", "state=failed"),
        (" ", "state=failed"),
        ("x" * 61, "state=failed"),
        ("a\u202eb", "state=failed"),
        ("a\nb", "state=failed"),
        ("a", ""),
        ("a", "before=3"),
        ("a", "x=" + "y" * 1500),
        ("a", "x=" + "é" * 600),  # longer when it is quoted
        ("a", "&".join(f"x{number}=1" for number in range(31))),
    ],
)
def test_what_is_no_filter_is_refused(ann, name, query):
    with pytest.raises(Refused):
        saved_filters.save(ann, "mine", name, query)
    assert post(ann, action="save", name=name, query=query).status_code == 302
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("told", [{}, {"action": "x"}, {"action": ""}])
def test_unknown_actions_are_bad_requests(ann, told):
    assert post(ann, **told).status_code == 400


@pytest.mark.parametrize("pk", ["", "x", "-1", "1" * 19, "٣"])
def test_ids_are_numbers(ann, pk):
    assert post(ann, action="delete", id=pk).status_code == 404


def test_it_leads_to_no_other_site(ann):
    answer = post(ann, action="delete", id="0", back="//elsewhere.example.org/")
    assert answer.status_code == 404
    answer = post(ann, action="save", name="a", query="", back="https://elsewhere.example.org")
    assert answer["Location"] == "/cubes/"


def test_there_is_a_most_of_them(ann, monkeypatch):
    monkeypatch.setattr(saved_filters, "MOST_OF_ONE", 2)
    for name in "ab":
        saved_filters.save(ann, "mine", name, "state=failed")
    with pytest.raises(Refused) as refused:
        saved_filters.save(ann, "mine", "c", "state=failed")
    assert refused.value.kind is Kind.CONFLICT
    saved_filters.save(ann, "mine", "b", "state=ready")  # that replaces one


def test_one_query_shows_them_and_hostile_names_execute_nothing(ann, django_assert_num_queries):
    hostile = "<script>alert(1)</script>"
    for number in range(5):
        saved_filters.save(ann, "mine", f"{hostile}{number}", f"text={hostile}{number}")
    with django_assert_num_queries(1):
        html = shown(ann, query=f"text={hostile}")
    assert hostile not in html and "&lt;script&gt;" in html


def test_they_go_with_the_person(ann):
    saved_filters.save(ann, "mine", "a", "state=failed")
    forget_person(ann, actor="test")
    assert not SavedFilter.objects.exists()
