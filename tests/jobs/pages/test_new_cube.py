"""The page "New cube": from a form to a request, its price, and an earlier request changed."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime

import pytest
from django.test import Client

from hubsite import switches
from hubsite.refusals import Refused
from jobs.estimates.asking import Estimate
from jobs.models import XCUBE_GEN, Job, JobDocument, State
from jobs.pages.new_cube.form import NewCubeForm, differences, field_of, initial_of, name_of
from jobs.stores.catalogue import load_catalogue
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

SAID = {"store": "@demo", "dataset": "demo.zarr", "output_store": "@cubes"}
RESULT = {
    "dataset_descriptor": {
        "crs": "WGS84",
        "spatial_res": 0.25,
        "time_range": ["2020-01-01", "2020-01-06"],
        "dims": {"time": 6, "lat": 64, "lon": 128},
        "data_vars": {
            "chl": {"dtype": "float32", "dims": ["time", "lat", "lon"]},
            "sst": {"dtype": "float64", "dims": ["time", "lat", "lon"]},
        },
    },
    "size_estimation": {"num_bytes": 589_824},
}


@pytest.fixture
def user():
    return make_user("ann@example.org", permissions=["manage:cubegens"], units=1000)


@pytest.fixture
def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def estimates(monkeypatch):
    """The estimators' answer to each request, and the requests."""
    asked = []

    def estimate(document, **options):
        asked.append(document)
        return Estimate(copy.deepcopy(RESULT), {}, output_exists=False)

    monkeypatch.setattr("jobs.submission.pricing.estimate", estimate)
    return asked


def form_of(said, base=None):
    return NewCubeForm(said, stores=list(load_catalogue()), base=base or {})


def text(answer) -> str:
    return answer.content.decode()


FULL = {
    "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
    "cube_config": {
        "variable_names": ["chl", "sst"],
        "bbox": [-1.5, 50.0, 4.0, 55.25],
        "crs": "EPSG:4326",
        "spatial_res": 0.25,
        "time_range": ["2020-01-01", None],
        "time_period": "1D",
    },
    "output_config": {
        "store_id": "@cubes",
        "data_id": "north.zarr",
        "replace": True,
        "write_params": {"levels": True},
    },
}
MINIMAL = {
    "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
    "cube_config": {},
    "output_config": {"store_id": "@cubes"},
}
KEPT = {
    "input_configs": [
        {"store_id": "@demo", "data_id": "demo.zarr", "open_params": {"group": "a"}},
        {"store_id": "@cubes", "data_id": "other.zarr"},
    ],
    "cube_config": {"chunks": {"time": 1}, "metadata": {"title": "x"}, "tile_size": [64, 64]},
    "output_config": {"store_id": "@cubes", "write_params": {"zarr_format": 2}},
}


@pytest.mark.parametrize("document", [FULL, MINIMAL, KEPT])
def test_a_request_comes_out_of_the_form_as_it_went_in(document):
    said = {name: value for name, value in initial_of(document).items() if value not in (None, "")}
    form = form_of(said, base=document)
    assert form.is_valid(), form.errors
    assert form.request_document() == document
    assert differences(document, form.request_document()) == []


def test_only_what_was_changed_differs():
    said = {**initial_of(KEPT), "variables": ["chl, sst", "chl"], "levels": "on", "since": ""}
    said = {name: value for name, value in said.items() if value is not None}
    form = form_of(said, base=KEPT)
    assert form.is_valid(), form.errors
    assert differences(KEPT, form.request_document()) == [
        ("cube_config.variable_names", None, "chl, sst"),
        ("output_config.write_params.levels", None, "true"),
    ]


@pytest.mark.parametrize(
    ("said", "field", "part"),
    [
        ({"x1": "1"}, "y1", "all four sides"),
        ({"x1": "one"}, "x1", "number"),
        ({"x1": "nan", "y1": "0", "x2": "1", "y2": "1"}, "x1", "number"),
        ({"x1": "9", "y1": "0", "x2": "1", "y2": "1"}, "x1", "date line"),
        ({"x1": "0", "y1": "2", "x2": "1", "y2": "1"}, "y1", "South"),
        ({"name": "a.levels", "levels": "on"}, "levels", "a pyramid already"),
        ({"resolution": "-1"}, "resolution", "0"),
        ({"since": "yesterday"}, "since", "date"),
        ({"since": "2021-01-01", "until": "2020-01-01"}, "since", ""),
        ({"period": "daily"}, "period", ""),
        ({"store": "@nowhere"}, "store", "no data store"),
        ({"output_store": "@demo"}, "output_store", "no data store"),
        ({"dataset": "../secret"}, "dataset", ""),
        ({"dataset": ""}, "dataset", "required"),
        ({"name": "../north.zarr"}, "name", ""),
        ({"variables": "a," * 2000 + ",".join(map(str, range(2000)))}, "variables", "1000"),
    ],
)
def test_a_fault_is_shown_beside_its_field(browser, estimates, said, field, part):
    for path in ("/cubes/new/", "/cubes/new/price"):
        answer = browser.post(path, {**SAID, **said})
        assert answer.status_code == (422 if path.endswith("/") else 200)
        errors = answer.context["form"].errors
        assert list(errors) == [field], errors
        assert part in errors[field][0]
        assert errors[field][0] in answer.context["form"].errors[field][0]
    assert estimates == [] and not Job.objects.exists()


def test_the_price_is_told_with_its_parts_and_nothing_is_stored(browser, estimates):
    page = text(browser.post("/cubes/new/price", {**SAID, "variables": "chl, sst"}))
    assert "<strong>192</strong> processing units" in page
    assert "You have 1,000; 808 remain." in page
    assert "6 time × 64 lat × 128 lon" in page
    assert "393 kB" in page and "197 kB" in page  # sst and chl
    assert "demo.zarr in @demo" in page
    assert estimates[0]["cube_config"] == {"variable_names": ["chl", "sst"]}
    assert not Job.objects.exists()


def test_who_cannot_pay_is_told_so(browser, user, estimates):
    poor = make_user(permissions=["manage:cubegens"], units=3)
    browser.force_login(poor)
    assert "You have 3 units." in text(browser.post("/cubes/new/price", SAID))


def test_the_copies_are_the_request_itself(browser, estimates):
    said = {**SAID, "variables": "it's, 'END'"}
    answer = browser.post("/cubes/new/price", said)
    copies = {it.key: it.text for it in answer.context["copies"]}
    document = json.loads(copies["request"])
    assert document["cube_config"]["variable_names"] == ["it's", "'END'"]
    assert copies["request"] in copies["xcube"] and copies["request"] in copies["curl"]
    assert "/api/v2/cubegens \\\n" in copies["curl"]
    namespace: dict = {}
    literal = copies["python"].partition("request = ")[2].partition("\nresult")[0]
    exec(f"request = {literal}", namespace)
    assert namespace["request"] == document


def test_a_valid_form_becomes_a_job(browser, user, estimates):
    answer = browser.post("/cubes/new/", {**SAID, "name": "north.zarr"})
    job = Job.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/cubes/{job.job_id}/"
    assert (job.owner, job.output_data_id, job.units) == (user, "north.zarr", 192)


def test_who_gives_no_name_gets_one_that_can_be_read(browser, estimates):
    browser.post("/cubes/new/", {**SAID, "dataset": "demo.zarr"})
    assert re.fullmatch(r"demo-\d{8}-\d{6}\.zarr", Job.objects.get().output_data_id)


@pytest.mark.parametrize(
    ("dataset", "stem"), [("a/b c/é.levels", "cube"), ("x/y z+.nc", "y-z"), ("q" * 99, "q" * 60)]
)
def test_a_name_has_only_what_every_store_takes(dataset, stem):
    assert name_of(dataset, datetime(2026, 2, 3, 4, 5, 6)) == f"{stem}-20260203-040506.zarr"


@pytest.mark.parametrize(
    ("state", "name", "proposed"),
    [
        (State.SUCCEEDED, "north.zarr", "north-2.zarr"),
        (State.SUCCEEDED, "north-9.levels", "north-10.levels"),
        (State.FAILED, "north.zarr", "north.zarr"),
        (State.SUCCEEDED, None, ""),
    ],
)
def test_the_next_cube_is_not_to_have_a_taken_name(browser, user, state, name, proposed):
    job = make_job(user, state=state, reason="DEADLINE" if state == State.FAILED else "")
    output = {**FULL["output_config"], "data_id": name or f"{job.job_id}.zarr"}
    JobDocument.objects.filter(job=job).update(request={**FULL, "output_config": output})
    page = text(browser.get(f"/cubes/new/?like={job.job_id}"))
    assert re.search(rf'name="name" id="id_name"[^>]* value="{proposed}"', page)


def test_a_taken_name_is_told_with_the_price(browser, user, estimates):
    browser.post("/cubes/new/", {**SAID, "name": "north.zarr"})
    priced = text(browser.post("/cubes/new/price", {**SAID, "name": "north.zarr"}))
    assert "A cube of this name is being written by another job." in priced


def test_a_refusal_is_shown_and_what_was_typed_stays(browser, monkeypatch):
    def refuse(submission):
        raise Refused("The output exists already. <b>", field="output_config.data_id")

    monkeypatch.setattr("jobs.submission.admission.admit", refuse)
    answer = browser.post("/cubes/new/", {**SAID, "name": "<i>.zarr", "variables": "a, b"})
    assert answer.status_code == 422
    page = text(answer)
    assert "The output exists already. &lt;b&gt;." in page
    assert 'value="&lt;i&gt;.zarr"' in page and 'value="a, b"' in page


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ('Data resource "nor" does not exist in store.', "dataset"),
        ("crs is invalid: EPSG:99", "crs"),
        ("Something that nobody knows.", "__all__"),
    ],
)
def test_an_error_of_xcube_that_names_no_field_stands_beside_the_one_it_is_of(
    browser, monkeypatch, message, field
):
    def refuse(submission):
        raise Refused(message)

    monkeypatch.setattr("jobs.submission.admission.parse", refuse)
    errors = browser.post("/cubes/new/price", SAID).context["form"].errors
    assert list(errors) == [field]


def test_german_pages_write_numbers_and_days_as_germans_do(browser, estimates):
    german = {"Accept-Language": "de"}
    page = text(browser.post("/cubes/new/price", SAID, headers=german))
    assert "Sie haben 1.000; " in page
    browser.post("/cubes/new/", {**SAID, "name": "north.zarr", "since": "2020-01-02",
                                 "x1": "0.5", "y1": "0", "x2": "20", "y2": "20"})  # fmt: skip
    page = text(browser.get(f"/cubes/{Job.objects.get().job_id}/", headers=german))
    assert "ab 02.01.2020" in page and "0,5° bis 20° Ost" in page


def test_an_earlier_request_is_changed_and_its_successor_linked(browser, user, estimates):
    job = make_job(user, state=State.FAILED, reason="DEADLINE")
    JobDocument.objects.filter(job=job).update(request=KEPT)
    page = text(browser.get(f"/cubes/new/?like={job.job_id}"))
    assert "cube_config.chunks" in page and "1 further input" in page
    said = {**SAID, "since": "2020-01-01", "until": "2020-01-03", "name": "next.zarr"}
    priced = text(browser.post(f"/cubes/new/price?like={job.job_id}", said))
    assert "cube_config.time_range" in priced
    browser.post(f"/cubes/new/?like={job.job_id}", said)
    made = Job.objects.exclude(pk=job.pk).get()
    assert made.retry_of == job
    assert made.document.request["cube_config"]["chunks"] == {"time": 1}
    assert len(made.document.request["input_configs"]) == 2


def test_nobody_begins_with_the_job_of_someone_else(browser, user):
    theirs = make_job(make_user(units=1))
    hidden = make_job(user, uses_own_store=True)
    for job_id in (theirs.job_id, hidden.job_id, "nothing", "x" * 500):
        for path in ("/cubes/new/", "/cubes/new/price"):
            method = browser.post if path.endswith("price") else browser.get
            assert (
                method(f"{path}?like={job_id}", SAID if "price" in path else None).status_code
                == 404
            )


def test_who_may_not_generate_cubes_is_refused(estimates):
    client = Client()
    assert client.get("/cubes/new/").status_code == 302
    client.force_login(make_user())
    assert client.get("/cubes/new/").status_code == 403
    assert client.post("/cubes/new/price", SAID).status_code == 403


@pytest.mark.parametrize("field", ["store", "output_store"])
def test_a_store_that_is_unknown_is_named_and_not_replaced_silently(browser, estimates, field):
    text = browser.get(f"/cubes/new/?{field}=@gone").content.decode()
    assert '<option value="@gone" selected>' in text
    for path, status in (("/cubes/new/", 422), ("/cubes/new/price", 200)):
        answer = browser.post(f"{path}?{field}=@gone", {**SAID, field: "@gone"})
        assert answer.status_code == status
        assert "There is no data store @gone for this." in answer.content.decode()
    assert not estimates and not Job.objects.exists()


def test_values_of_the_address_fill_the_form(browser):
    page = text(browser.get("/cubes/new/?dataset=%3Ci%3E.zarr&variables=a&variables=b&x1=1"))
    assert 'value="&lt;i&gt;.zarr"' in page and 'value="a, b"' in page and 'value="1"' in page


ABOUT = {
    "crs": "EPSG:4326",
    "bbox": [-3, 51, 11, 59],
    "bbox_wgs84": [-3, 51, 11, 59],
    "time_range": ["2024-01-05T00:00:00Z", "2024-12-30T00:00:00Z"],
    "time_steps": 46,
    "variables": {"chl<i>": {"units": "mg m-3", "long_name": "Chlorophyll"}},
    "attributes": {"title": "<script>alert(1)</script>"},
}


class TestDatasets:
    @pytest.fixture(autouse=True)
    def store_reader(self, monkeypatch):
        """What the reader of stores answers, and whom it was asked for."""
        self.ids = [["a.zarr", "dataset"], ["b&c.zarr", "dataset"]]
        self.asked = []

        def list_ids(view, **_):
            self.asked.append(view)
            return {"ids": self.ids, "is_complete": True}

        monkeypatch.setattr("jobs.discovery.asking.list_ids", list_ids)
        monkeypatch.setattr("jobs.discovery.asking.describe", lambda view, data_id, **_: ABOUT)

    def test_those_of_the_store_are_suggested(self, browser):
        page = text(browser.get("/cubes/new/datasets?store=@demo"))
        assert page.count("<option") == 2 and "b&amp;c.zarr" in page
        assert text(browser.get("/cubes/new/datasets?store=@demo&search=a.z")).count("<option") == 1

    def test_of_a_store_with_a_folder_for_each_only_ones_own(self, browser, user):
        browser.get("/cubes/new/datasets?store=@cubes")
        assert self.asked[0].given["store_params"]["root"].endswith(user.username)

    def test_what_is_known_of_one_helps_to_fill_in_the_form(self, browser):
        page = text(browser.get("/cubes/new/dataset?store=@demo&dataset=a.zarr"))
        for part in ("Chlorophyll", "mg m-3", "46 times", 'data-extent="-3 51 11 59"'):
            assert part in page
        assert 'data-first="2024-01-05" data-last="2024-12-30"' in page
        assert "<i>" not in page and "<script" not in page

    @pytest.mark.parametrize("store", ["@nowhere", "@archive", "", "x" * 9999])
    def test_a_store_that_cannot_be_read_is_told_in_words(self, browser, store):
        for path in ("datasets", "dataset"):
            answer = browser.get(f"/cubes/new/{path}", {"store": store, "dataset": "a.zarr"})
            assert answer.status_code == 200
            assert "data store" in text(answer)

    def test_without_a_name_nothing_is_asked(self, browser):
        for name in ("", "  ", "x" * 501):
            answer = browser.get("/cubes/new/dataset", {"store": "@demo", "dataset": name})
            assert (answer.status_code, text(answer)) == (200, "")
        assert self.asked == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("cube_config.bbox[2]", "x1"),
        ("cube_config.time_range[1]", "until"),
        ("cube_config.time_range[0]", "since"),
        ("input_configs[0].data_id", "dataset"),
        ("input_configs[1].data_id", None),
        ("cube_config.chunks", None),
        ("output_config.write_params.levels", "levels"),
        ("", None),
    ],
)
def test_a_field_of_the_request_is_found_in_the_form(path, field):
    assert field_of(path) == field


@pytest.mark.parametrize(("path", "most"), [("/cubes/new/", 8), ("/cubes/new/price", 12)])
def test_query_count(browser, estimates, path, most, django_assert_max_num_queries):
    with django_assert_max_num_queries(most):
        browser.post(path, SAID) if path.endswith("price") else browser.get(path)


def test_the_page_says_that_cube_generation_is_suspended(browser, monkeypatch):
    why = switches.Suspension(None, "The store moves <b>until noon</b>.")
    monkeypatch.setattr(switches, "_kept", (float("inf"), {XCUBE_GEN: why}))
    assert "The store moves &lt;b&gt;until noon&lt;/b&gt;." in text(browser.get("/cubes/new/"))


def test_a_german_page_takes_and_shows_a_comma(browser, estimates):
    german = {"headers": {"Accept-Language": "de"}}
    said = {"x1": "1,5", "y1": "50,25", "x2": "5.5", "y2": "52", "resolution": "0,25"}
    page = text(browser.post("/cubes/new/price", {**SAID, **said}, **german))
    assert estimates[-1]["cube_config"]["bbox"] == [1.5, 50.25, 5.5, 52]
    assert estimates[-1]["cube_config"]["spatial_res"] == 0.25
    assert "50.25," in page  # what is copied is for programs
    page = text(browser.get("/cubes/new/?x1=1.5&y1=50.25&x2=5&y2=52", **german))
    assert 'value="1,5"' in page and 'value="50,25"' in page and 'value="5"' in page
    page = text(browser.post("/cubes/new/price", {**SAID, "x1": "1,5"}, **german))
    assert "Geben Sie alle vier Seiten des Ausschnitts an, oder keine." in page


def test_refusals_are_german_beside_their_field(browser, estimates):
    german = {"headers": {"Accept-Language": "de"}}
    page = text(browser.post("/cubes/new/price", {**SAID, "dataset": "../secret"}, **german))
    assert "Erwartet wird ein Pfad ohne Teile" in page
    page = text(browser.post("/cubes/new/price", {**SAID, "period": "daily"}, **german))
    assert "Erwartet: eine Zahl von Tagen, Wochen" in page
