"""Callers' own S3 stores, with a real S3 server, and what they may not reach."""

import contextlib
import json

import pytest
from django.utils import timezone

from accounts.models import Balance
from jobs.models import Job, JobDocument, State
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import cubegen_request, submit
from tests.jobs.test_main_job import run, until
from tests.servers.s3 import s3_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]

SCOPES = ("manage:cubegens",)
DEADLINES_S = (15, 60, 240)
"""A busy machine may have written nothing yet at the first one."""
SECRET = "a-secret-that-nobody-may-read"


@pytest.fixture(scope="module")
def s3():
    with s3_server("theirs") as url:
        yield url


@pytest.fixture(autouse=True)
def _world(runner, demo_cube, live_server, settings):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2",
        "XCUBE_HUB_OWN_STORE_NETWORKS": ["127.0.0.0/8"],
    }


@pytest.fixture
def user():
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user):
    return bearer(user, SCOPES)


def own(url, data_id, root="theirs/cubes"):
    return {
        "store_id": "s3",
        "data_id": data_id,
        "store_params": {
            "root": root,
            "storage_options": {
                "key": "their-key",
                "secret": SECRET,
                "client_kwargs": {"endpoint_url": url},
            },
        },
    }


LIST = """
import sys, s3fs
options = dict(key="k", secret="s", client_kwargs=dict(endpoint_url=sys.argv[1]))
print("\\n".join(s3fs.S3FileSystem(**options).find(sys.argv[2])))
"""
READ = """
import sys, xarray as xr
options = dict(key="k", secret="s", client_kwargs=dict(endpoint_url=sys.argv[1]))
cube = xr.open_zarr(sys.argv[2], storage_options=options)
print(dict(cube.sizes))
"""


def test_a_cube_goes_to_the_callers_own_bucket_and_their_secret_nowhere_else(
    client, user, headers, s3, xcube_forks
):
    body = run(client, headers, cubegen_request(output_config=own(s3, "mine.zarr")))
    assert body["state"] == "SUCCEEDED", body
    read = xcube_forks.run("-c", READ, s3, "s3://theirs/cubes/mine.zarr")
    assert "'time': 6" in read.stdout
    document = JobDocument.objects.get(job__job_id=body["job_id"])
    assert document.credentials is None, "wiped at the end"
    assert document.request["output_config"]["store_params"]["storage_options"]["secret"] == "***"
    assert SECRET not in str(body)

    body = run(
        client,
        headers,
        cubegen_request("copy.zarr", input_config=own(s3, "mine.zarr")),
    )
    assert body["state"] == "SUCCEEDED", body
    assert body["units"] == 12, "the default price of callers' own stores: one unit an image"


def test_credentials_are_encrypted_while_the_job_waits(client, headers, s3):
    submit(client, headers, cubegen_request(output_config=own(s3, "wait.zarr")))
    document = JobDocument.objects.get()
    assert SECRET.encode() not in bytes(document.credentials)
    assert SECRET not in str(document.request)


def test_wrong_keys_or_buckets_are_the_callers_fault(client, user, headers, s3):
    request = cubegen_request("x.zarr", input_config=own(s3, "absent.zarr", root="nobucket/x"))
    response = submit(client, headers, request)
    assert response.status_code == 400, response.content
    assert Job.objects.count() == 0
    assert Balance.objects.get(user=user).reserved == 0


def test_a_store_of_ones_own_that_is_gone_before_writing_began_costs_nothing(client, user, headers):
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(s3_server("gone"))
        output = own(url, "lost.zarr", root="gone")
        response = submit(client, headers, cubegen_request(output_config=output))
        assert response.status_code == 200, response.content
    job = Job.objects.get()
    until(lambda: Job.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, "XCUBE_ERROR")
    assert "Cannot reach" in job.message
    assert Balance.objects.get(user=user).available == 1000


def test_a_failure_after_writing_into_a_store_of_ones_own_began_is_charged(
    client, user, headers, s3, settings, xcube_forks, endless
):
    """Otherwise a bucket that refuses the last chunk would make every cube free."""
    request = cubegen_request(
        input_config={"store_id": "@demo", "data_id": endless.name},
        output_config=own(s3, "part.zarr"),
    )
    for deadline_s in DEADLINES_S:
        settings.HUB = {**settings.HUB, "XCUBE_HUB_JOB_DEADLINE_S": deadline_s}
        body = run(client, headers, request)
        assert (body["state"], body["reason"]) == ("FAILED", "DEADLINE"), body
        if Balance.objects.get(user=user).available < 1000:
            break
        until(lambda: not Job.objects.claiming().exists())
    assert Balance.objects.get(user=user).available == 988
    until(lambda: not Job.objects.claiming().exists())
    found = xcube_forks.run("-c", LIST, s3, "theirs/cubes").stdout
    assert "part.zarr/.zgroup" in found, "it is paid, and stays"
    assert ".xcube-hub" not in found, "nothing of ours lies in a bucket of theirs"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://169.254.169.254",
        "http://10.0.0.1",
        "http://[::1]:1",
        "http://[::ffff:10.0.0.1]",
        "http://2130706433",
        "http://0x7f.1",
        "http://user:password@example.org",
        "ftp://example.org",
        "file:///etc",
    ],
)
def test_private_addresses_are_refused_where_operators_did_not_open_them(
    client, headers, settings, endpoint
):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OWN_STORE_NETWORKS": []}
    response = submit(client, headers, cubegen_request(output_config=own(endpoint, "x.zarr")))
    assert response.status_code == 400, response.content
    assert Job.objects.count() == 0


@pytest.mark.parametrize("profile", [{"profile": "default"}, {"anon": False}, {}])
def test_a_store_of_ones_own_needs_ones_own_keys(client, headers, s3, profile):
    output = own(s3, "x.zarr")
    output["store_params"]["storage_options"] = profile
    response = submit(client, headers, cubegen_request(output_config=output))
    assert response.status_code == 400, response.content


def test_an_own_store_gives_no_claim_on_a_place_of_ours(client, headers, s3, settings, tmp_path):
    """Naming the operators' bucket as one's own must not make its cubes one's own."""
    stores = tmp_path / "stores.yaml"
    ours = own(s3, "x.zarr", root="theirs/pub")["store_params"]
    source = settings.DATA_DIR / "source"
    stores.write_text(
        f"demo: {{store_id: file, store_params: {{root: {source}}}, cost_params: "
        "{input_pixels_per_punit: 512, output_pixels_per_punit: 512}}\n"
        f"pub: {{store_id: s3, store_params: {json.dumps(ours)}}}\n"
    )
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": stores}
    bob = make_user(permissions=SCOPES, units=1000)
    public = {"output_config": {"store_id": "@pub", "data_id": "victim.zarr", "replace": True}}
    assert run(client, bearer(bob, SCOPES), cubegen_request(**public))["state"] == "SUCCEEDED"

    as_own = {**own(s3, "victim.zarr", root="theirs/pub"), "replace": True}
    response = submit(client, headers, cubegen_request(output_config=as_own))
    assert response.status_code == 200, response.content
    Job.objects.filter(owner__username=Job.objects.latest("id").owner.username).update(
        state=State.FAILED, is_live=False, launched_at=timezone.now(), started_at=timezone.now()
    )
    assert submit(client, headers, cubegen_request(**public)).status_code == 409
    assert submit(client, bearer(bob, SCOPES), cubegen_request(**public)).status_code == 200
