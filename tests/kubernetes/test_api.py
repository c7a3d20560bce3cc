"""The suite of the `/cubegens` endpoints once more: on the Kubernetes engine.

After each test the worker does what is queued, against a real API server, under the hub's own
Role: every job that the API accepted must become an object, in a restricted namespace.
"""

from __future__ import annotations

import pytest

from hubsite import engines
from jobs import tasks
from jobs.models import Job, State
from jobs.queue import launching
from tests.jobs.api.test_views import *  # noqa: F403 - the suite itself
from tests.servers.kubernetes.access import HubAccess, hub_access, new_namespace
from tests.servers.kubernetes.controlplane import Cluster

pytestmark = [pytest.mark.django_db, pytest.mark.xcube, pytest.mark.kubernetes]


@pytest.fixture(scope="module")
def hub_in(cluster: Cluster, tmp_path_factory) -> HubAccess:
    namespace = new_namespace(cluster)
    return hub_access(cluster, namespace, folder=tmp_path_factory.mktemp("access"))


@pytest.fixture(autouse=True)
def world(runner, demo_cube, hub_in, settings, cluster):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ENGINE": "kubernetes",
        "KUBECONFIG": str(hub_in.kubeconfig),
        "XCUBE_HUB_CALLBACK_URL": "https://hub.test/api/v2",
    }
    engines.get_engine.cache_clear()
    yield
    accepted = [job.job_id for job in Job.objects.on("kubernetes").due()]
    launching.launch_due()
    launched = Job.objects.filter(job_id__in=accepted)
    assert {job.state for job in launched} <= {State.LAUNCHED}, [job.message for job in launched]
    for job_id in accepted:
        path = f"/apis/batch/v1/namespaces/{hub_in.namespace}/jobs/{job_id}"
        pod = cluster.api.get(path)["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
    tasks.remove_objects(accepted, "kubernetes")
    engines.get_engine.cache_clear()
