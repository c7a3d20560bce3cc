"""The pages of services, and the button that opens a cube."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.sharing.secrets import hash_of
from hubsite.refusals import Refused
from jobs.models import State as JobState
from services import lifecycle
from services.models import EdgeTicket, InstanceDocument, Reason, ServiceInstance, State
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.services import sharing
from tests.services.factories import make_instance, make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(world):
    client = Client()
    client.force_login(world.user)
    return client


def text(answer) -> str:
    return answer.content.decode()


def test_where_nothing_runs_it_says_what_could(browser):
    assert "Nothing runs for you" in text(browser.get("/services/"))


def test_services_say_when_they_sleep_and_stop(browser, world, django_assert_max_num_queries):
    ready = world.ready(title="North Sea")
    over = world.ready(title="Old one")
    lifecycle.stop(over, actor="hub", reason=Reason.AGE)
    with django_assert_max_num_queries(14):
        page = text(browser.get("/services/"))
    assert page.index("North Sea") < page.index("Old one")
    assert "if nobody uses it" in page
    assert "largest age" in page
    assert f"/services/{ready.instance_id}/open" in page


def test_cate_is_shown_like_others_without_what_only_viewers_have(browser, world):
    profile = make_profile("cate", kind="cate_webapi")
    cate = make_instance(world.user, profile=profile, state=State.READY, slot="cate")
    page = text(browser.get("/services/"))
    assert "Cate web API" in page and f"/services/{cate.instance_id}/open" in page
    page = text(browser.get(f"/services/{cate.instance_id}/"))
    assert "Start the Cate app" in page and "It shows" not in page
    opened = browser.get(f"/services/{cate.instance_id}/open")
    assert opened.status_code == 302 and opened["Location"].endswith("&next=/")
    assert browser.post(f"/services/{cate.instance_id}/stop").status_code == 302
    assert world.again(cate).state == State.STOPPING


def test_a_page_tells_all_of_a_service(browser, world):
    world.price = 60
    instance = world.ready(title="<b>Sea</b>")
    ServiceInstance.objects.filter(pk=instance.pk).update(broken={"<i>x</i>": "it is <not> there"})
    InstanceDocument.objects.filter(instance=instance).update(log="<script>x</script>")
    page = text(browser.get(f"/services/{instance.instance_id}/"))
    for hostile in ("<b>Sea", "<i>x", "<script>x"):
        assert hostile not in page
    assert "&lt;i&gt;x&lt;/i&gt; cannot be shown" in page
    assert "units for 0 minutes" in page


@pytest.mark.parametrize(
    ("action", "said", "state"),
    [
        ("stop", "is stopped", State.STOPPING),
        ("sleep", "sleeps", State.ASLEEP),
        ("keep", "kept awake for 8 h", State.READY),
        ("remove", "removed from your list", State.STOPPING),
    ],
)
def test_each_action(browser, world, action, said, state):
    instance = world.ready()
    path = f"/services/{instance.instance_id}/{action}"
    assert said in text(browser.post(path, {"hours": "8"}, follow=True))
    assert world.again(instance).state == state
    assert browser.get(path).status_code == 405


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.REQUESTED, "has not started yet"),
        (State.ASLEEP, "sleeps already"),
        (State.STOPPING, "has ended"),
        (State.FAILED, "has ended"),
    ],
)
def test_what_cannot_sleep_is_not_said_to_sleep(browser, world, state, said):
    instance = world.start()
    ServiceInstance.objects.filter(pk=instance.pk).update(state=state)
    page = text(browser.post(f"/services/{instance.instance_id}/sleep", follow=True))
    assert said in page
    assert "The next time you open it" not in page
    assert world.again(instance).state == state


def test_the_data_of_a_store_that_is_gone_is_said_to_be_missing(browser, world, settings, tmp_path):
    instance = world.ready()  # it shows "demo" of @cubes
    stores = tmp_path / "stores.json"
    stores.write_text('{"other": {"store_id": "memory", "store_params": {}}}')
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": stores}
    page = text(browser.get(f"/services/{instance.instance_id}/"))
    assert "demo cannot be shown: " in page
    assert "(@cubes)" in page


def test_it_is_kept_for_the_offered_times_only(browser, world):
    instance = world.ready()
    path = f"/services/{instance.instance_id}/keep"
    assert "expected" in text(browser.post(path, {"hours": "9999"}, follow=True))
    assert world.again(instance).kept_until is None


def test_others_services_are_not_there(world):
    instance = world.ready()
    client = Client()
    client.force_login(make_user())
    assert client.get(f"/services/{instance.instance_id}/").status_code == 404
    for action in ("stop", "sleep", "keep", "remove", "explode"):
        path = f"/services/{instance.instance_id}/{action}"
        assert client.post(path).status_code == 404
    assert world.again(instance).state == State.READY


def test_what_is_shared_with_one_is_listed(world):
    instance, guest = world.ready(title="North Sea"), make_user()
    sharing.share_with(instance, guest, by=world.user)
    client = Client()
    client.force_login(guest)
    page = text(client.get("/shared/"))
    assert "North Sea" in page
    assert f"A service of {world.user.email}" in page


class TestOpenInViewer:
    def test_the_button_is_there_for_a_finished_cube_only(self, browser, world):
        ready = make_job(world.user, state=JobState.SUCCEEDED)
        running = make_job(world.user, state=JobState.RUNNING)
        page = text(browser.get("/cubes/"))
        assert f"/cubes/{ready.job_id}/viewer" in page
        assert f"/cubes/{running.job_id}/viewer" not in page

    def test_a_click_leads_to_the_cube_in_the_viewer(self, browser, world, monkeypatch):
        job, instance = make_job(world.user, state=JobState.SUCCEEDED), world.ready()
        url = f"http://{instance.instance_id}.localhost:8081/viewer/?dataset=a.zarr&variable=sst"
        monkeypatch.setattr(
            "services.pages.viewers.cubes.open_cube", lambda user, job: (instance, url)
        )
        answer = browser.post(f"/cubes/{job.job_id}/viewer")
        # No redirect: a form must not end at another host.
        page = answer.content.decode()
        found = re.search(r'<script data-url="([^"]+)">(.+?)</script>', page)
        ways = {unescape(found[1]), unescape(re.search(r'content="0; url=([^"]+)"', page)[1])}
        (way,) = map(urlsplit, ways)  # with scripts and without
        assert way.netloc.startswith(f"{instance.instance_id}.localhost")
        assert way.path == "/.xcube-hub/enter"
        asked = parse_qs(way.query)
        assert asked["next"] == ["/viewer/?dataset=a.zarr&variable=sst"]
        ticket = EdgeTicket.objects.get(token_hash=hash_of(asked["ticket"][0]))
        assert (ticket.instance, ticket.user) == (instance, world.user)
        assert ticket.hub_session == browser.session.session_key
        digest = base64.b64encode(hashlib.sha256(found[2].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}';" in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]

    def test_what_cannot_be_opened_says_why(self, browser, world, monkeypatch):
        job = make_job(world.user, state=JobState.SUCCEEDED)

        def refuse(user, job):
            raise Refused("The cube was replaced.")

        monkeypatch.setattr("services.pages.viewers.cubes.open_cube", refuse)
        page = text(browser.post(f"/cubes/{job.job_id}/viewer", follow=True))
        assert "The cube was replaced." in page
