"""The page that starts a service: what is offered, for which price, and what a viewer shows."""

from __future__ import annotations

import pytest
from django.test import Client

from services.models import InstanceDocument, ServiceInstance, ServiceProfile, State
from tests.accounts.factories import make_user
from tests.services.factories import make_profile
from tests.services.xcube_server.conftest import stores  # noqa: F401 - a fixture
from tests.services.xcube_server.test_cubes import finished

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]


@pytest.fixture
def ada(db):
    ServiceProfile.objects.all().delete()
    make_profile("small", units_per_hour=0, description="For a few cubes.")
    make_profile("large", units_per_hour=60, memory_bytes=8 * 10**9, position=1)
    return make_user("ada@example.org", permissions=["manage:cubegens"], units=1000)


@pytest.fixture
def browser(ada):
    client = Client()
    client.force_login(ada)
    return client


def text(answer) -> str:
    return " ".join(answer.content.decode().split())


def test_what_can_be_started_is_shown_with_its_price(browser, ada):
    page = text(browser.get("/services/"))
    assert "For a few cubes." in page and "Free" in page
    assert "60 units an hour" in page and "Memory: 8 GB" in page
    assert "Sleeps after 30 min without use, stops after 30 days." in page
    assert "/services/new/?profile=large" in page


def test_a_viewer_is_started_with_the_chosen_cubes(browser, ada):
    jobs = [finished(ada, f"{name}.zarr") for name in ("one", "two", "three")]
    page = text(browser.get("/services/new/?profile=large"))
    assert page.count('name="cubes"') == 3 and page.count(" checked") == 1
    chosen = [jobs[2].job_id, jobs[0].job_id]
    form = {"profile": "large", "title": "North <Sea>", "cubes": chosen, "key": "k" * 22}
    answers = [browser.post("/services/new/", form) for _ in range(2)]  # a double click
    instance = ServiceInstance.objects.get()
    assert {answer["Location"] for answer in answers} == {f"/services/{instance.instance_id}/"}
    assert (instance.profile.name, instance.title) == ("large", "North <Sea>")
    shown = InstanceDocument.objects.get(instance=instance).configuration["Datasets"]
    assert [entry["Path"] for entry in shown] == ["three.zarr", "one.zarr"]
    page = text(browser.get(f"/services/{instance.instance_id}/"))
    assert "North &lt;Sea&gt;" in page and "60 units an hour while awake" in page


def test_without_a_cube_it_says_what_to_do_first(browser):
    page = text(browser.get("/services/new/"))
    assert "you have none yet" in page and "/cubes/new/" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"profile": "huge"}, "Choose one of the services"),
        ({"profile": ""}, "Choose one of the services"),
        ({"cubes": []}, "at least one cube"),
        ({"cubes": ["x"]}, "not in your list"),
        ({"cubes": ["x" * 10_000] * 3}, "not in your list"),
        ({"cubes": [str(n) for n in range(13)]}, "at most 12"),
        ({"title": "x" * 201}, "too long"),
        ({"title": "a\u202eb"}, "visible characters"),
    ],
)
def test_what_cannot_be_started_is_said_and_the_form_stays(browser, ada, change, said):
    job = finished(ada)
    form = {"profile": "small", "title": "Mine", "cubes": [job.job_id], "key": "x'--", **change}
    answer = browser.post("/services/new/", form)
    assert answer.status_code == 422 and said in text(answer)
    assert not ServiceInstance.objects.exists()


def test_others_cubes_are_not_shown(browser, ada):
    theirs = finished(make_user("bob@example.org"))
    assert theirs.output_data_id not in text(browser.get("/services/new/"))
    form = {"profile": "small", "cubes": [theirs.job_id]}
    assert "not in your list" in text(browser.post("/services/new/", form))
    assert not ServiceInstance.objects.exists()


def test_who_may_start_nothing_is_told_so():
    client = Client()
    client.force_login(make_user())
    assert "may start no services yet" in text(client.get("/services/"))
    assert "nothing to start for you" in text(client.get("/services/new/"))
    assert client.post("/services/new/", {"profile": "small"}).status_code == 403


def test_cate_is_started_from_the_same_page(browser, ada, settings):
    make_profile("cate", kind="cate_webapi", title="Cate")
    assert "profile=cate" not in text(browser.get("/services/"))  # this hub has no Cate
    command = ("cate", "-p", "{port}")
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CATE_COMMAND": command}
    assert "profile=cate" in text(browser.get("/services/"))
    assert 'name="cubes"' not in text(browser.get("/services/new/?profile=cate"))
    browser.post("/services/new/", {"profile": "cate"})
    instance = ServiceInstance.objects.get()
    assert (instance.slot, instance.state) == ("cate", State.REQUESTED)


def test_a_service_is_kept_and_kept_no_longer_from_its_page(browser, ada):
    finished(ada)
    form = {"profile": "small", "cubes": [finished(ada, "a.zarr").job_id]}
    path = browser.post("/services/new/", form)["Location"]
    ServiceInstance.objects.update(state=State.READY)
    answer = browser.post(f"{path}keep", {"hours": "72", "back": "page"})
    assert answer["Location"] == path
    page = text(browser.get(path))
    assert "Kept awake" in page and "Awake" in page and "by you" in page
    browser.post(f"{path}keep", {"hours": "0", "back": "page"})
    assert "Kept awake" not in text(browser.get(path))


def test_pages_take_few_queries(browser, ada, django_assert_max_num_queries):
    for number in range(6):
        finished(ada, f"{number}.zarr")
    with django_assert_max_num_queries(14):
        browser.get("/services/new/")
