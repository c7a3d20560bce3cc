"""An output store without space, on a real file system of 64 kB."""

import os
import subprocess

import pytest

from accounts.models import Balance
from jobs.stores.catalogue import load_catalogue
from tests.accounts.factories import bearer, make_user
from tests.servers.missing import missing

from .factories import cubegen_request
from .test_main_job import run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xcube]


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        missing("mounting a small file system needs root: run the tests as root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_fails_the_job_with_a_clear_message_and_costs_nothing(
    client, runner, demo_cube, live_server, settings, small_disk, tmp_path
):
    stores = tmp_path / "stores.yaml"
    stores.write_text(
        f"demo: {{store_id: file, store_params: {{root: {demo_cube.parent}}}, cost_params: "
        "{input_pixels_per_punit: 512, output_pixels_per_punit: 512}}\n"
        f"small: {{store_id: file, store_params: {{root: {small_disk}}}}}\n"
    )
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_STORES": stores,
        "XCUBE_HUB_CALLBACK_URL": f"{live_server.url}/api/v2",
    }
    assert len(load_catalogue()) == 2
    scopes = ("manage:cubegens",)
    user = make_user(permissions=scopes, units=1000)
    request = cubegen_request(output_config={"store_id": "@small", "data_id": "big.zarr"})
    body = run(client, bearer(user, scopes), request)
    assert (body["state"], body["reason"]) == ("FAILED", "XCUBE_ERROR"), body
    assert "No space left" in body["job_result"]["message"]
    assert Balance.objects.get(user=user).available == 1000
