"""The part "Use this cube" of a cube's page."""

import pytest

from jobs.models import State
from tests.jobs.results.conftest import made

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, ada):
    client.force_login(ada)
    return lambda job: client.get(f"/cubes/{job.job_id}/").content.decode()


def test_a_cube_on_the_hubs_machine_is_downloaded(page, cube, stores):
    text = page(cube.job)
    here = f"http://testserver/api/v2/cubegens/{cube.job.job_id}/result"
    assert f'href="{here}/zip" download' in text and f'href="{here}/stac"' in text
    assert "one.zarr in Your own cubes" in text and "23 files" in text
    assert "shutil.unpack_archive" in text and "0" * 64 in text
    assert "http://testserver/api/v2/stac" in text
    assert str(stores) not in text


def test_a_cube_in_a_bucket_is_opened_there(page, ada):
    text = page(made(ada, "b.zarr", store="@bucket"))
    assert f"s3://cubes/of/{ada.username}/b.zarr" in text and "HIDDENKEY" not in text
    assert "/result/zip" not in text and "new_data_store(&#x27;s3&#x27;" in text


def test_a_cube_elsewhere_is_named_all_the_same(page, ada):
    text = page(made(ada, "b.zarr", store="@azure", tells=None))
    assert "new_data_store(&#x27;abfs&#x27;" in text and "HIDDENKEY" not in text


def test_what_is_gone_is_said(page, ada, stores):
    stores.mkdir()
    assert "was removed there" in page(made(ada, "gone.zarr"))


def test_a_job_without_a_cube_has_no_such_part(page, ada):
    for state in (State.RUNNING, State.FAILED):
        assert "Use this cube" not in page(made(ada, state=state))


def test_a_hostile_name_is_text(page, ada, put):
    name = "<script>alert('x')</script>.zarr"
    put(ada, name.replace("/", "_"))
    assert "<script>alert" not in page(made(ada, name, store="@public"))
