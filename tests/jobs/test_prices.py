"""From the inputs to the bill: the price asked for, reserved and charged is what is written."""

import pytest

from accounts.models import Balance
from jobs.models import Job
from tests.accounts.factories import bearer, make_user
from tests.runner.test_pricing import SCRIPT, YEARS

from .factories import submit
from .test_main_job import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]

SCOPES = ("manage:cubegens",)


@pytest.fixture(autouse=True)
def world(runner, odd_data, live_server, settings):
    callbacks = {"XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2"}
    settings.HUB = {**settings.HUB, **callbacks, "XCUBE_HUB_PROCESS_LIMIT": 30}


@pytest.fixture(scope="module")
def odd_data(xcube_forks, django_db_setup):
    """Odd but legal datasets in `@demo`, below `odd/`."""
    from django.conf import settings

    folder = settings.DATA_DIR / "source" / "odd"
    folder.mkdir(parents=True, exist_ok=True)
    xcube_forks.run("file", SCRIPT, "make", folder)


@pytest.mark.parametrize(
    ("inputs", "cube_config", "units"),
    [
        (["irregular"], {"time_period": "1D"}, 16),
        (["irregular"], {"time_period": "1Y"}, 16),
        (YEARS, {}, 24),
        (["odd"], {"variable_names": ["a", "label", "scalar", "crs"]}, 4),
        (["masked"], {}, 4 + 1),
    ],
)
def test_what_is_written_is_asked_for_reserved_and_charged(client, inputs, cube_config, units):
    """With a limit of 30 units, the estimate of 8 years of days was refused."""
    user = make_user(permissions=SCOPES, units=100)
    headers = bearer(user, SCOPES)
    configs = [{"store_id": "@demo", "data_id": f"odd/{name}.zarr"} for name in inputs]
    request = {
        "input_configs": configs,
        "cube_config": cube_config,
        "output_config": {"store_id": "@cubes", "data_id": "priced.zarr"},
    }
    info = client.post(
        "/api/v2/cubegens/info", request, content_type="application/json", headers=headers
    ).json()["result"]
    assert info["cost_estimation"]["required"] == units
    assert info["size_estimation"]["num_requests"] == units
    response = submit(client, headers, request)
    assert response.status_code == 200, response.content
    assert Balance.objects.get(user=user).available == 100 - units
    until(lambda: Job.objects.get().is_final)
    job = Job.objects.get()
    assert (job.state, job.reason) == ("SUCCEEDED", ""), job.message
    assert Balance.objects.get(user=user).total == 100 - units


def test_a_refusal_names_the_field(client):
    user = make_user(permissions=SCOPES, units=100)
    request = {
        "input_config": {"store_id": "@demo", "data_id": "odd/y2020.zarr"},
        "cube_config": {"variable_names": ["A"]},
        "output_config": {"store_id": "@cubes", "data_id": "priced.zarr"},
    }
    response = submit(client, bearer(user, SCOPES), request)
    assert response.status_code == 400
    assert response.json()["errors"] == [
        {
            "field": "cube_config.variable_names",
            "message": "unknown variable 'A'; there are 'a'",
        }
    ]
    assert Balance.objects.get(user=user).available == 100
