"""The pages of sharing: the form, the lists, and the page of a share or a link."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import Share, ShareOpening
from accounts.pages import sharing as pages
from accounts.roles import permission_rows
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from hubsite.coordination import failures
from jobs.models import Job
from services.models import EdgeTicket, State
from tests.accounts.factories import make_user
from tests.jobs.pictures import png
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db


def browser(user=None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def wish(row, **changes) -> Wish:
    kind, subject = ("result", row.job_id) if isinstance(row, Job) else ("service", row.instance_id)
    return Wish(**{"kind": kinds.kind_of(kind), "subject": subject, "by": row.owner, **changes})


def give(client: Client, row, **fields):
    asked = wish(row)
    said = {"whom": "person", "days": "7", **fields}
    return client.post(f"/shared/by-me/{asked.kind.name}/{asked.subject}", said, follow=True)


def stop_the_clock_of_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no window of a limit ends meanwhile."""
    now = time.time()
    monkeypatch.setattr(failures, "time", SimpleNamespace(time=lambda: now))


def secret_in(page: str) -> str:
    return re.search(r"/shared/([\w-]{43})/", page)[1]


class TestForm:
    def test_it_is_on_the_pages_of_what_can_be_shared(self, ann, service, job):
        for path in (f"/services/{service.instance_id}/", f"/cubes/{job.job_id}/"):
            assert "Nobody but you can see it." in browser(ann).get(path).content.decode(), path
        Job.objects.update(state="FAILED")
        assert 'id="sharing"' not in browser(ann).get(f"/cubes/{job.job_id}/").content.decode()

    def test_with_a_person_a_role_and_by_a_link(self, ann, bob, service, job, team):
        page = give(browser(ann), service, person="BOB@example.org", action="stop")
        assert page.redirect_chain[-1][0] == f"/services/{service.instance_id}/"
        assert "bob@example.org" in page.content.decode()
        give(browser(ann), job, whom="role", role="ocean-team")
        page = give(browser(ann), job, whom="link").content.decode()
        assert "Whoever has it and an account" in page
        kept = {(row.kind, row.with_whom, row.action) for row in Share.objects.all()}
        assert kept == {
            ("service", "bob@example.org", "stop"),
            ("result", "everyone with the role ocean-team", "view"),
            ("result", "whoever signs in with the link", "view"),
        }
        assert giving.shared_with(bob).get().subject == service.instance_id
        again = browser(ann).get(f"/cubes/{job.job_id}/").content.decode()
        assert secret_in(page) not in again

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"person": "nonsense"},
            {"person": "x" * 300},
            {"whom": "public"},
            {"whom": "everyone"},
            {"whom": "role", "role": "operator"},
            {"person": "bob@example.org", "action": "stop"},
            {"person": "bob@example.org", "days": "9999"},
            {"person": "bob@example.org", "days": "x"},
            {"person": "ann@example.org"},
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_shared(self, ann, job, team, fields):
        page = give(browser(ann), job, **fields)
        assert page.status_code == 200
        assert "said-error" in page.content.decode()
        assert not Share.objects.exists()

    def test_only_the_owner_has_it(self, bob, ann, job):
        for client in (browser(bob), browser(make_user())):
            assert give(client, job, person="eve@example.org").status_code == 404
        assert (
            give(browser(), job, person="eve@example.org")
            .redirect_chain[0][0]
            .startswith("/login/")
        )
        for path in ("nothing/x", f"result/{'a' * 30}"):
            assert browser(ann).post(f"/shared/by-me/{path}", {}).status_code == 404
        assert not Share.objects.exists()


class TestLists:
    def test_both_sides_see_it_until_it_is_withdrawn(self, ann, bob, job):
        share = giving.share_with_person(wish(job), bob.email)
        assert "A cube of ann@example.org" in browser(bob).get("/shared/").content.decode()
        assert "With bob@example.org" in browser(ann).get("/shared/").content.decode()
        stranger = browser(make_user("eve@example.org"))
        page = stranger.get("/shared/").content.decode()
        assert "Nothing is shared with you" in page and "You share nothing" in page
        assert stranger.post(f"/shared/by-me/{share.pk}/withdraw").status_code == 404
        assert browser(bob).post(f"/shared/by-me/{share.pk}/withdraw").status_code == 404
        browser(ann).post(f"/shared/by-me/{share.pk}/withdraw")
        assert "A cube of" not in browser(bob).get("/shared/").content.decode()

    def test_one_gives_back_what_is_for_one_alone(self, bob, job, team):
        share = giving.share_with_person(wish(job), bob.email)
        role = giving.share_with_role(wish(job), "ocean-team")
        assert browser(team.member).post(f"/shared/with-me/{role.pk}/leave").status_code == 404
        assert browser(bob).post(f"/shared/with-me/{share.pk}/leave").status_code == 302
        assert browser(bob).get(f"/shared/{share.pk}/").status_code == 404

    def test_the_owner_sees_who_opened_it(self, ann, bob, job):
        share = giving.share_with_person(wish(job), bob.user_id)
        path = f"/shared/by-me/{share.pk}/"
        assert "Nobody has opened it yet" in browser(ann).get(path).content.decode()
        browser(bob).get(f"/shared/{share.pk}/")
        page = browser(ann).get(path).content.decode()
        assert bob.user_id in page and "bob@" not in page
        assert browser(bob).get(path).status_code == 404

    @pytest.mark.parametrize("count", [1, 12])
    def test_their_queries_do_not_grow(self, ann, bob, job, count, django_assert_num_queries):
        giving.share_with_person(wish(job), bob.email)
        for number in range(count):
            service = make_instance(ann, state=State.READY)
            giving.share_with_person(wish(service), bob.email)
            giving.share_with_person(wish(service), f"p{number}@example.org")
        for user in (ann, bob):
            client = browser(user)
            client.get("/shared/")
            with django_assert_num_queries(8):  # session, user, notices, roles, lists, kinds
                client.get("/shared/")


class TestResult:
    def test_who_has_it_sees_pictures_and_nothing_else(self, bob, job):
        share = giving.share_with_person(wish(job), bob.email)
        page = browser(bob).get(f"/shared/{share.pk}/")
        assert page.status_code == 200
        assert f"/shared/{share.pk}/quicklooks/sst.png" in page.content.decode()
        assert page["Referrer-Policy"] == "same-origin"
        picture = browser(bob).get(f"/shared/{share.pk}/quicklooks/sst.png")
        assert (picture.content, picture["Content-Type"]) == (png(), "image/png")
        for part in ("quicklooks/other.png", "log", "request", "quicklooks/", "../", "open"):
            assert browser(bob).get(f"/shared/{share.pk}/{part}").status_code == 404, part
        assert browser(bob).post(f"/shared/{share.pk}/").status_code == 405
        assert share.openings.get().user == bob

    def test_by_the_api_too_but_neither_log_nor_request(self, bob, job):
        giving.share_with_person(wish(job), bob.email)
        client = browser(bob)
        base = f"/api/v2/cubegens/{job.job_id}"
        assert client.get(f"{base}/quicklooks").status_code == 200
        assert client.get(f"{base}/quicklooks/sst.png").content == png()
        for path in (base, f"{base}/logs", f"/cubes/{job.job_id}/", f"/cubes/{job.job_id}/log",
                     f"{base}/shares"):  # fmt: skip
            assert client.get(path).status_code == 404, path

    def test_others_and_who_is_not_signed_in_get_nothing(self, job, bob):
        share = giving.share_with_person(wish(job), bob.email)
        for part in ("", "quicklooks/sst.png"):
            path = f"/shared/{share.pk}/{part}"
            assert browser(make_user()).get(path).status_code == 404
            assert browser().get(path)["Location"] == f"/login/?next={path}"
        assert not share.openings.exists()


class TestLinks:
    @pytest.fixture
    def public(self, ann, job) -> tuple[Share, str]:
        ann.user_permissions.add(*permission_rows(["share:publicly"]))
        page = give(browser(ann), job, whom="public").content.decode()
        assert "without a sign-in" in page
        return Share.objects.get(), secret_in(page)

    def test_a_public_one_needs_no_sign_in_and_names_nobody(self, ann, job, public):
        share, secret = public
        page = browser().get(f"/shared/{secret}/")
        text = page.content.decode()
        assert page.status_code == 200
        assert (page["Referrer-Policy"], page["X-Robots-Tag"]) == ("same-origin", "noindex")
        assert "ann@example.org" not in text and ann.user_id not in text
        assert browser().get(f"/shared/{secret}/quicklooks/sst.png").content == png()
        opening = share.openings.get()
        assert opening.user is None

    def test_without_the_permission_it_needs_a_sign_in(self, ann, bob, public):
        _, secret = public
        ann.user_permissions.clear()
        for part in ("", "quicklooks/sst.png"):
            answer = browser().get(f"/shared/{secret}/{part}")
            assert answer["Location"] == f"/login/?next=/shared/{secret}/{part}"
            assert browser(bob).get(f"/shared/{secret}/{part}").status_code == 200
        assert ShareOpening.objects.get().user == bob

    @pytest.mark.parametrize("end", ["withdrawn", "expired", "owner off", "job hidden"])
    def test_its_end_ends_all_of_it(self, ann, job, public, end):
        share, secret = public
        match end:
            case "withdrawn":
                browser(ann).post(f"/shared/by-me/{share.pk}/withdraw")
            case "expired":
                Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
            case "owner off":
                type(ann).objects.filter(pk=ann.pk).update(is_active=False)
            case "job hidden":
                Job.objects.update(hidden_at=timezone.now())
        for part in ("", "quicklooks/sst.png"):
            assert browser().get(f"/shared/{secret}/{part}").status_code == 404

    def test_whoever_tries_many_that_are_not_there_must_wait(self, public, monkeypatch):
        monkeypatch.setattr(pages, "MISSES", 3)
        stop_the_clock_of_limits(monkeypatch)
        _, secret = public
        for _ in range(5):
            assert browser().get(f"/shared/{secret}/").status_code == 200
        codes = [browser().get(f"/shared/{'x' * 42}{n}/").status_code for n in range(5)]
        assert codes == [404, 404, 404, 429, 429]
        assert browser().get(f"/shared/{'y' * 43}/")["Retry-After"]

    @pytest.mark.parametrize("key", ["0", "9" * 18, "9" * 30, "-", "x", "x" * 500])
    def test_a_key_that_is_none_is_not_found(self, bob, key):
        assert browser(bob).get(f"/shared/{key}/").status_code == 404


class TestService:
    def test_opening_is_a_button_that_leads_to_the_edge(self, bob, service):
        share = giving.share_with_person(wish(service), bob.email)
        path = f"/shared/{share.pk}/"
        assert "Stop" not in browser(bob).get(path).content.decode()
        assert not EdgeTicket.objects.exists(), "a page that is only looked at opens nothing"
        page = browser(bob).post(f"{path}open").content.decode()
        assert "/.xcube-hub/enter?ticket=" in page
        ticket = EdgeTicket.objects.get()
        assert (ticket.user, ticket.share) == (bob, None)
        for action in ("stop", "sleep", "keep", "remove", "x"):
            assert browser(bob).post(f"{path}{action}").status_code == 404

    def test_who_may_stop_it_stops_it_and_it_stays_in_its_owners_list(self, ann, bob, service):
        share = giving.share_with_person(wish(service, action="stop"), bob.email)
        path = f"/shared/{share.pk}/"
        assert "Stop" in browser(bob).get(path).content.decode()
        browser(bob).post(f"{path}sleep")
        service.refresh_from_db()
        assert (service.state, service.reason) == (State.ASLEEP, "SHARED")
        browser(bob).post(f"{path}stop")
        service.refresh_from_db()
        assert (service.state, service.reason) == (State.STOPPING, "SHARED")
        assert service.hidden_at is None
        assert "Somebody with whom it is shared stopped it" in (
            browser(ann).get("/services/").content.decode()
        )
        assert browser(bob).get(path).status_code == 404
        for rest in ("keep", "remove", "sleep", "stop"):
            assert browser(bob).post(f"/services/{service.instance_id}/{rest}").status_code == 404

    def test_by_the_api_it_is_stopped_or_put_to_sleep_and_nothing_else(self, bob, service):
        share = giving.share_with_person(wish(service, action="stop"), bob.email)
        client, path = browser(bob), f"/api/v2/xcube/{service.instance_id}"
        for method, rest in (("GET", ""), ("GET", "/logs"), ("GET", "/events"), ("POST", "/wake"),
                             ("GET", "/shares")):  # fmt: skip
            assert client.generic(method, f"{path}{rest}").status_code == 404, rest
        for _ in range(2):
            assert client.post(f"{path}/sleep").json() == "Success"
        assert client.delete(path).json() == "Success"
        service.refresh_from_db()
        assert (service.state, service.hidden_at) == (State.STOPPING, None)
        assert client.delete(path).status_code == 404
        assert share.openings.get().user == bob

    def test_a_share_to_view_stops_nothing(self, bob, service):
        giving.share_with_person(wish(service), bob.email)
        client, path = browser(bob), f"/api/v2/xcube/{service.instance_id}"
        assert client.delete(path).status_code == 404
        assert client.post(f"{path}/sleep").status_code == 404
        service.refresh_from_db()
        assert service.state == State.READY

    def test_a_link_binds_what_is_open_to_itself(self, bob, service):
        share, secret = giving.make_link(wish(service))
        assert browser().post(f"/shared/{secret}/open").status_code == 302
        assert "ticket=" in browser(bob).post(f"/shared/{secret}/open").content.decode()
        ticket = EdgeTicket.objects.get()
        assert (ticket.user, ticket.share) == (bob, share)

    def test_a_member_of_a_role_opens_it_by_its_address_too(self, service, team):
        share = giving.share_with_role(wish(service), "ocean-team")
        answer = browser(team.member).get(f"/services/{service.instance_id}/open")
        assert "/.xcube-hub/enter?ticket=" in answer["Location"]
        assert share.openings.get().user == team.member
        Group.objects.get(name="ocean-team").shareable.delete()
        assert browser(team.member).get(f"/services/{service.instance_id}/open").status_code == 404
