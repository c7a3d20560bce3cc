"""The admin of services: fast however many there are, profiles to be edited, nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from services.models import (
    EdgeSession,
    InstanceDocument,
    InstanceEvent,
    Reason,
    ServiceInstance,
    ServiceProfile,
    State,
)
from tests.accounts.factories import make_user

from .factories import make_instance, make_profile, make_share

pytestmark = pytest.mark.django_db

INSTANCES = "/admin/services/serviceinstance/"
PROFILES = "/admin/services/serviceprofile/"
SHARES = "/admin/accounts/share/"
SESSIONS = "/admin/services/edgesession/"
SECRET_ADDRESS = "unix:/var/hub/services/x/http.sock"


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    return signed_in(make_user(permissions=["operate:hub"], is_staff=True))


@pytest.fixture
def superuser() -> Client:
    return signed_in(make_user(is_staff=True, is_superuser=True))


@pytest.fixture
def owner():
    return make_user("ann@example.org", units=1000)


def act(client: Client, page: str, action: str, *rows) -> str:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows], "sure": "yes"}
    return client.post(page, chosen, follow=True).content.decode()


def session_at(instance: ServiceInstance, **fields) -> EdgeSession:
    return EdgeSession.objects.create(
        **{
            "instance": instance,
            "user": instance.owner,
            "token_hash": f"{EdgeSession.objects.count():064}",
            "expires_at": timezone.now() + timedelta(hours=1),
            **fields,
        }
    )


class TestLists:
    """Each takes as many queries for many rows as for one, and none counts all rows."""

    @pytest.mark.parametrize(
        ("page", "queries"), [(INSTANCES, 7), (PROFILES, 6), (SHARES, 6), (SESSIONS, 6)]
    )
    def test_many_rows_take_as_many_queries_as_one(
        self, operator, page, queries, django_assert_num_queries
    ):
        def one_of_each(number: int) -> None:
            owner = make_user()
            instance = make_instance(
                owner, profile=make_profile(f"p{number}"), state=State.READY, title="a title"
            )
            make_share(instance, link_hash=f"{number:064}")
            session_at(instance)

        one_of_each(0)
        operator.get(page)
        with django_assert_num_queries(queries):
            operator.get(page)
        for number in range(1, 12):
            one_of_each(number)
        with django_assert_num_queries(queries) as captured:
            operator.get(page)
        counts = [q["sql"] for q in captured.captured_queries if "COUNT(" in q["sql"].upper()]
        if page != PROFILES:  # there are few of them
            assert all("LIMIT" in sql for sql in counts)

    def test_a_row_shows_state_owner_profile_reason_and_use(self, operator, owner):
        instance = make_instance(
            owner, state=State.FAILED, reason=Reason.OUT_OF_MEMORY, title="North Sea"
        )
        text = operator.get(INSTANCES).content.decode()
        assert instance.instance_id in text
        assert "ann@example.org" in text
        assert '<span class="state state-FAILED">Failed</span>' in text
        assert "Needed more memory" in text
        assert "North Sea" in text

    @pytest.mark.parametrize("by", ["id", "email", "user_id", "title"])
    def test_instances_are_found(self, operator, owner, by):
        wanted = make_instance(owner, title="The North Sea")
        other = make_instance(make_user(), title="Another")
        term = {
            "id": wanted.instance_id,
            "email": "Ann@example.org",
            "user_id": owner.username,
            "title": "north",
        }[by]
        text = operator.get(INSTANCES, {"q": term}).content.decode()
        assert wanted.instance_id in text
        assert other.instance_id not in text

    @pytest.mark.parametrize(
        ("key", "value"),
        [("state__exact", "READY"), ("reason__exact", "IDLE"), ("kind__exact", "xcube_server")],
    )
    def test_instances_are_filtered(self, operator, owner, key, value):
        make_instance(owner, state=State.STOPPED)
        field = key.removesuffix("__exact")
        wanted = make_instance(owner, **{"state": State.ASLEEP, field: value})
        found = operator.get(INSTANCES, {key: value}).context["cl"].result_list
        assert wanted.pk in [row.pk for row in found]
        assert len(found) == (2 if field == "kind" else 1)


class TestOneInstance:
    def test_it_shows_configuration_events_log_and_urls(self, operator, owner):
        instance = make_instance(owner, state=State.STOPPED, log="<b>first</b>\nsecond")
        InstanceDocument.objects.filter(instance=instance).update(configuration={"Datasets": [77]})
        InstanceEvent.objects.create(instance=instance, message="Warned.", actor="worker")
        text = operator.get(f"{INSTANCES}{instance.pk}/change/").content.decode()
        assert "77" in text
        assert "Warned." in text
        assert "&lt;b&gt;first&lt;/b&gt;\nsecond" in text
        assert f"//{instance.instance_id}." in text or f"/{instance.instance_id}" in text

    def test_only_superusers_see_the_address(self, operator, superuser, owner):
        instance = make_instance(owner, state=State.READY, address=SECRET_ADDRESS)
        page = f"{INSTANCES}{instance.pk}/change/"
        assert SECRET_ADDRESS in superuser.get(page).content.decode()
        assert SECRET_ADDRESS not in operator.get(page).content.decode()
        for client in (operator, superuser):
            assert SECRET_ADDRESS not in client.get(INSTANCES).content.decode()

    def test_the_page_takes_as_many_queries_for_many_events_as_for_few(
        self, operator, owner, django_assert_max_num_queries
    ):
        instance = make_instance(owner, state=State.READY)
        for _ in range(40):
            InstanceEvent.objects.create(instance=instance, to_state=State.READY, actor="worker")
        with django_assert_max_num_queries(14):
            operator.get(f"{INSTANCES}{instance.pk}/change/")

    def test_its_page_stops_wakes_and_says_who_did_what(self, operator, owner):
        instance = make_instance(owner, state=State.READY)
        page, do = f"{INSTANCES}{instance.pk}/change/", f"{INSTANCES}{instance.pk}/act/"
        operator.post(do, {"do": "put_to_sleep"})
        text = operator.get(page).content.decode()
        assert 'value="wake"' in text and 'value="put_to_sleep"' not in text
        assert f"/admin/accounts/user/{owner.pk}/change/" in text and "An operator put it" in text
        operator.post(do, {"do": "wake"})
        operator.post(do, {"do": "stop"})
        instance.refresh_from_db()
        assert instance.reason == Reason.OPERATOR
        assert 'value="stop"' not in operator.get(page).content.decode()
        assert operator.post(do, {"do": "delete"}).status_code == 404
        assert operator.get(do).status_code == 405

    def test_support_sees_it_without_buttons_and_is_refused(self, owner):
        support = signed_in(make_user(permissions=["read:hub"], is_staff=True))
        instance = make_instance(owner, state=State.READY)
        text = support.get(f"{INSTANCES}{instance.pk}/change/").content.decode()
        assert instance.instance_id in text
        for name in ("stop", "put_to_sleep", "wake"):
            assert f'value="{name}"' not in text
        assert support.post(f"{INSTANCES}{instance.pk}/act/", {"do": "stop"}).status_code == 403
        instance.refresh_from_db()
        assert instance.state == State.READY

    def test_filters_are_chips_that_take_themselves_away(self, operator, owner):
        make_instance(owner, state=State.READY, title="<i>map</i>")
        text = operator.get(f"{INSTANCES}?state__exact=READY").content.decode()
        assert "State: <strong>Ready</strong>" in text and "&lt;i&gt;map&lt;/i&gt;" in text
        assert "<strong>" not in operator.get(INSTANCES).content.decode().split("list-filters")[1]
        assert "Nothing fits." in operator.get(f"{INSTANCES}?state__exact=FAILED").content.decode()

    def test_nothing_about_it_can_be_edited(self, operator, owner):
        instance = make_instance(owner, state=State.READY)
        page = f"{INSTANCES}{instance.pk}"
        assert b'name="_save"' not in operator.get(f"{page}/change/").content
        assert operator.post(f"{page}/change/", {"state": "FAILED"}).status_code == 403
        assert operator.get(f"{INSTANCES}add/").status_code == 403
        assert operator.post(f"{page}/delete/", {"post": "yes"}).status_code == 403

    def test_whoever_is_no_operator_sees_and_stops_nothing(self, owner):
        instance = make_instance(owner, state=State.READY)
        client = signed_in(make_user(permissions=["manage:cubegens"], is_staff=True))
        for page in (INSTANCES, PROFILES, SHARES, SESSIONS):
            assert client.get(page).status_code == 403
        act(client, INSTANCES, "stop", instance)
        instance.refresh_from_db()
        assert instance.state == State.READY


class TestActions:
    def test_stop(self, operator, owner):
        ready, waiting = make_instance(owner, state=State.READY), make_instance(owner)
        over = make_instance(owner, state=State.FAILED)
        assert "2 services were stopped." in act(operator, INSTANCES, "stop", ready, waiting, over)
        for row in (ready, waiting, over):
            row.refresh_from_db()
        assert [ready.state, waiting.state, over.state] == ["STOPPING", "STOPPED", "FAILED"]
        assert ready.reason == Reason.OPERATOR

    def test_sleep_and_wake(self, operator, owner):
        instance = make_instance(owner, state=State.READY)
        assert "1 service was put to sleep." in act(operator, INSTANCES, "put_to_sleep", instance)
        instance.refresh_from_db()
        assert instance.state == State.ASLEEP
        assert "1 service was woken." in act(operator, INSTANCES, "wake", instance)
        instance.refresh_from_db()
        assert instance.state == State.STARTING
        assert "0 services were woken." in act(operator, INSTANCES, "wake", instance)

    def test_shares_are_withdrawn_once(self, operator, owner):
        share = make_share(make_instance(owner))
        assert "1 share was withdrawn." in act(operator, SHARES, "withdraw", share)
        share.refresh_from_db()
        first = share.revoked_at
        assert first is not None
        assert "0 shares were withdrawn." in act(operator, SHARES, "withdraw", share)
        share.refresh_from_db()
        assert share.revoked_at == first

    def test_sessions_are_ended_once(self, operator, owner):
        session = session_at(make_instance(owner))
        assert "1 session was ended." in act(operator, SESSIONS, "withdraw", session)
        session.refresh_from_db()
        assert session.ended_at is not None
        assert "0 sessions were ended." in act(operator, SESSIONS, "withdraw", session)

    def test_no_secret_of_a_share_or_session_is_shown(self, superuser, owner):
        instance = make_instance(owner)
        for page, row in ((SHARES, make_share(instance, link_hash="ab" * 32)),
                          (SESSIONS, session_at(instance, token_hash="ab" * 32))):  # fmt: skip
            assert "abab" not in superuser.get(f"{page}{row.pk}/change/").content.decode()
            assert "abab" not in superuser.get(page).content.decode()


PROFILE = {
    "name": "large",
    "kind": "xcube_server",
    "title": "Large",
    "description": "",
    "is_enabled": "on",
    "position": "1",
    "cpus": "2.5",
    "memory_bytes": "1,5 GiB",
    "image": "",
    "idle_s": "30 min",
    "age_s": "2 d",
    "units_per_hour": "3",
}


class TestProfiles:
    def test_memory_and_times_are_written_as_people_do(self, operator):
        answer = operator.post(f"{PROFILES}add/", PROFILE)
        assert answer.status_code == 302, answer.content.decode()
        profile = ServiceProfile.objects.get(name="large")
        assert (profile.memory_bytes, profile.idle_s, profile.age_s, profile.cpus) == (
            3 * 2**29, 1800, 172_800, 2.5,
        )  # fmt: skip
        text = operator.get(f"{PROFILES}{profile.pk}/change/").content.decode()
        for shown in ("1536 MiB", "30 min", "2 d"):
            assert f'value="{shown}"' in text
        listed = operator.get(PROFILES).content.decode()
        assert "1.6 GB" in listed, "as the portal says it"

    def test_a_new_one_begins_with_the_usual_values(self, operator):
        text = operator.get(f"{PROFILES}add/").content.decode()
        for shown in ("1 GiB", "30 min", "30 d", "1.0"):
            assert f'value="{shown}"' in text

    def test_saving_it_unchanged_changes_nothing(self, operator):
        profile = make_profile(memory_bytes=1234567890, idle_s=61, stores=["gone"])
        before = ServiceProfile.objects.values().get(pk=profile.pk)
        form = operator.get(f"{PROFILES}{profile.pk}/change/").context["adminform"].form
        data = {name: form[name].value() for name in form.fields if form[name].value() is not None}
        assert operator.post(f"{PROFILES}{profile.pk}/change/", data).status_code == 302
        assert ServiceProfile.objects.values().get(pk=profile.pk) == before

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("memory_bytes", "1 parsec", "Expected a number and one of B, kB"),
            ("memory_bytes", "64 MiB", "Expected 128 MiB to 4 TiB."),
            ("idle_s", "1 s", "Expected 1 min to 3650 d."),
            ("idle_s", "3 d", "Expected at most the largest age."),
            ("age_s", "99999 d", "Expected 1 min to 3650 d."),
            ("age_s", "", "This field is required."),
            ("cpus", "nan", "Enter a number."),
            ("cpus", "0", "greater than or equal to 0.05"),
            ("units_per_hour", "-1", "greater than or equal to 0"),
            ("image", "a image; rm", "Expected the name of an image"),
            ("stores", ["not-a-store"], "is not one of the available choices"),
            ("name", "a b", "Enter a valid"),
        ],
    )
    def test_what_is_wrong_is_told_at_its_field(self, operator, field, value, message):
        text = operator.post(f"{PROFILES}add/", {**PROFILE, field: value}).content.decode()
        assert message in text
        assert not ServiceProfile.objects.filter(name="large").exists()

    def test_stores_are_chosen_from_the_hubs_own(self, operator, stores_file):
        profile = make_profile(stores=["gone"])
        page = f"{PROFILES}{profile.pk}/change/"
        text = operator.get(page).content.decode()
        assert "@shown: For all" in text
        assert "@hidden" not in text  # nobody may read it
        assert "@gone (not in the stores file)" in text
        data = {**PROFILE, "stores": ["shown"], "roles": [Group.objects.create(name="gpu").pk]}
        assert operator.post(page, data).status_code == 302
        profile.refresh_from_db()
        assert profile.stores == ["shown"]
        assert [role.name for role in profile.roles.all()] == ["gpu"]

    def test_one_that_was_used_is_switched_off_rather_than_deleted(self, operator, owner):
        used, unused = make_profile("used"), make_profile("unused")
        make_instance(owner, profile=used, state=State.STOPPED)
        for profile, status in ((used, 403), (unused, 302)):
            answer = operator.post(f"{PROFILES}{profile.pk}/delete/", {"post": "yes"})
            assert answer.status_code == status
        assert set(ServiceProfile.objects.values_list("name", flat=True)) == {
            "cate",
            "small",
            "used",
        }


@pytest.fixture
def stores_file(tmp_path, settings):
    path = tmp_path / "stores.yaml"
    path.write_text(
        f"shown: {{store_id: file, title: For all, store_params: {{root: {tmp_path}}}}}\n"
        f"hidden: {{store_id: file, readable: false, store_params: {{root: {tmp_path}}}}}\n"
    )
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": str(path)}
    return path
