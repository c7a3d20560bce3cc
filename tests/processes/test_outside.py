"""Systems outside that accept a call and never answer: nothing else waits for them.

The hub's own processes, real sockets, no runner: a launch is seen by its row, which moves before
its object is made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.patience import wait_for
from tests.servers.forks import HubCommands
from tests.servers.silent import SilentServer, silent_server

from .hubprocess import HubProcess

pytestmark = pytest.mark.processes

SUBSCRIBERS = 3
PREPARE = f"""
long_ago = timezone.now() - timedelta(days=2)
for number in range({SUBSCRIBERS}):
    user = make_user(units=5)
    wish = Wish(email=user.email, guid=f"g-{{number}}", plan="manage", units=5.0, unit="cells",
                start_date=long_ago.date())
    subscribe("xcube_geodb", wish, actor="test")
old = make_job(user, state="CANCELLED", finished_at=long_ago)
JobDocument.objects.filter(job=old).update(code=b"PK")
notify_low()
for name in ("accounts.tasks.register_in_geodb", "accounts.tasks.send_mails"):
    ask(name)
"""
PUBLISH = """
from services.geoserver.layers import publish
from services.geoserver.names import Place
from accounts.models import User
for name in ("use", "roads"):
    publish(make_user(permissions=["manage:collections"]), Place("geodb_g-0", "land", name))
ask("services.tasks.publish_layers")
"""
TELL = """
from services.models import Layer
from accounts.models import GeodbRegistration, NoticeMail
print(json.dumps({
    "launched": Job.objects.exclude(launched_at=None).count(),
    "with_code": JobDocument.objects.filter(code__isnull=False).count(),
    "tries": sum(GeodbRegistration.objects.values_list("attempts", flat=True)),
    "errors": list(GeodbRegistration.objects.exclude(error="").values_list("error", flat=True)),
    "mailed": NoticeMail.objects.filter(state="delivered").count(),
    "layers": sorted(Layer.objects.values_list("layer_state", "attempts", "error")),
    "waiting": OrmQ.objects.filter(lock__lte=timezone.now()).count(),
}))
"""
ASK_AGAIN = """
from accounts.models import GeodbRegistration
from hubsite.coordination.lock import Lock
from tests.patience import wait_for
wait_for(lambda: GeodbRegistration.objects.exclude(error="").exists(), "reason")
left_alone = Lock.objects.filter(name__startswith="cool-down-", expires_at__gt=timezone.now())
left_alone = left_alone.exclude(name__startswith="cool-down-geoserver-")
assert left_alone.count() == 2, "geoDB and the mail server"
left_alone.update(expires_at=timezone.now() + timedelta(seconds=55))  # as on a fast machine
for name in ("accounts.tasks.register_in_geodb", "accounts.tasks.send_mails"):
    ask(name)
wait_for(lambda: not OrmQ.objects.filter(key="outside").exists(), "end of the queue")
"""
SETUP = """
import json
from datetime import timedelta
import django
django.setup()
from django.utils import timezone
from django_q.models import OrmQ
from accounts.subscriptions.subscribing import Wish, subscribe
from accounts.units.notices import notify_low
from hubsite.coordination.wake_up import ask
from jobs.models import Job, JobDocument
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
"""


@dataclass
class World:
    hub: HubProcess
    geodb: SilentServer
    mail: SilentServer
    geoserver: SilentServer
    commands: HubCommands

    def run(self, code: str) -> str:
        """Python code beside the hub, on its database."""
        return self.commands.run("-c", SETUP + code)

    def tell(self) -> dict[str, Any]:
        return json.loads(self.run(TELL))

    def until(self, found: Callable[[], Any], what: str) -> Any:
        return wait_for(found, what, pause_s=0.2)


@pytest.fixture(scope="module")
def world(start_hub, tmp_path_factory) -> Iterator[World]:
    with silent_server() as geodb, silent_server() as mail, silent_server() as geoserver:
        settings = {
            "XCUBE_HUB_GEODB_URL": f"http://{geodb.address}",
            "XCUBE_HUB_EMAIL_URL": f"smtp://{mail.address}",
            "XCUBE_HUB_GEOSERVER_URL": f"http://{geoserver.address}/geoserver",
            "XCUBE_HUB_POSTGIS_HOST": "db.example.org",
            "XCUBE_HUB_POSTGIS_DB": "geodb",
            "XCUBE_HUB_LOCAL_RUNS": "50",
        }
        data_dir = tmp_path_factory.mktemp("outside")
        hub = start_hub("--only", "worker,outside", data_dir=data_dir, **settings)
        hub.wait_for("Starting worker, outside")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("XCUBE_HUB_")},
            "DJANGO_SETTINGS_MODULE": "hubsite.settings",
            "XCUBE_HUB_DATA_DIR": str(data_dir),
            "XCUBE_HUB_DOTENV": os.devnull,
            **settings,
        }
        commands = HubCommands(environment)
        yield World(hub, geodb, mail, geoserver, commands)
        commands.close()
        hub.remove()  # its calls hang


def test_what_hangs_outside_delays_no_launch_and_no_deletion(world: World) -> None:
    world.run(PREPARE + PUBLISH)
    servers = (world.geodb, world.mail, world.geoserver)
    world.until(lambda: all(server.waiting for server in servers), "call of each")
    world.run('make_job(user := make_user(units=5)); ask("jobs.tasks.launch_due")')
    world.run('ask("jobs.tasks.forget_code")')
    world.until(lambda: world.tell()["launched"] == 1, "launch")
    world.until(lambda: world.tell()["with_code"] == 0, "deletion")

    # All give up after their time-out, and are left alone, whatever is asked for.
    world.until(lambda: not any(server.waiting for server in servers), "end of the calls")
    told = json.loads(world.run(ASK_AGAIN + TELL).splitlines()[-1])
    assert told["tries"] == 1, "the other subscribers wait for the end of the cool-down"
    assert told["errors"][0].startswith("geoDB cannot be reached: ")
    assert told["mailed"] == 0, "who got no e-mail does not count as told"
    waits, tried = told["layers"]
    assert waits == ["REQUESTED", 0, ""], "the other layer waits for the end of the cool-down"
    assert tried[:2] == ["REQUESTED", 1]
    assert tried[2].startswith("GeoServer cannot be reached: ")


def test_a_launch_is_made_while_both_calls_still_hang(world: World) -> None:
    """The launch is asked for in the same breath: it is over before the first time-out.

    The time-outs are 10 s, so a busy machine may need some tries.
    """
    world.run(
        """
from accounts.models import GeodbRegistration, NoticeMail
from hubsite.coordination.lock import Lock
from tests.patience import wait_for

user = make_user(units=1000)
outside = OrmQ.objects.filter(key="outside")

def is_launched_meanwhile():
    wait_for(lambda: not outside.exists(), "end of earlier calls")
    GeodbRegistration.objects.all().renew()
    NoticeMail.objects.all().renew()
    Lock.objects.filter(name__startswith="cool-down-").delete()
    for name in ("accounts.tasks.register_in_geodb", "accounts.tasks.send_mails"):
        ask(name)
    under_way = outside.filter(lock__gt=timezone.now())
    wait_for(lambda: under_way.count() == 2, "hands of workers for both calls")
    calls = set(under_way.values_list("pk", flat=True))
    job = make_job(user)
    ask("jobs.tasks.launch_due")
    wait_for(lambda: Job.objects.filter(pk=job.pk).exclude(launched_at=None).exists(), "launch")
    return calls == set(under_way.values_list("pk", flat=True))

wait_for(is_launched_meanwhile, "launch while both calls hang")
"""
    )
