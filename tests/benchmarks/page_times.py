"""Times every page in a small and in a large database: `page_times SMALL LARGE USERS ROUNDS`.

`TEST_DATABASE_URL` is of a PostgreSQL server on this machine. It makes the databases `pages_small`
(SMALL jobs) and `pages_large` (LARGE jobs, USERS users), asks for each page in both in turns, and
prints JSON for each page: its name, who asked, the status in both, and for the page in the small
one, in the large one, and for a plain Django page [how long each round took, its processor time]
in seconds. Processor time is that of this process and of the database's process that serves it: it
hardly depends on what else the machine does. What a page leads to on its own path (filters, orders,
further pages, searches) is measured too, with fewer rounds.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from tests.authorization.world import World
    from tests.many.visits import Visit, Visitors

import tests.environment  # noqa: F401, I001 - before Django's settings

SMALL, LARGE = "pages_small", "pages_large"
Took = tuple[float, float]
"""Elapsed and processor time of one call, in seconds."""
LONG_S = 1.0
"""A page that takes longer is asked for less often."""


def main(small: int, large: int, users: int, rounds: int) -> None:
    start()
    world, visits = make_people()
    fill(world, small, large, users)
    measure(world, visits, rounds)


def start() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.test.utils import setup_test_environment

    from jobs.discovery import asking
    from tests.many.world import stores

    setup_test_environment()
    asking._call = stores()


def make_people() -> tuple[World, list[Visit]]:
    """Make users with data of each kind; returns them, and the pages that they ask for."""
    from django.core.management import call_command

    from tests.accounts.factories import make_user
    from tests.many.visits import all_visits, further_visits
    from tests.many.world import make_full_world

    call_command("migrate", verbosity=0)
    world = make_full_world()
    world.users["light"] = make_user("light@example.org", permissions=["manage:cubegens"])
    visits = list(all_visits(world))
    return world, [*visits, *further_visits(visits, "light")]


def fill(world: World, small: int, large: int, users: int) -> None:
    """Make both databases from the one that has those who ask."""
    from django.db import connection

    from tests.many.rows import multiply

    from .page_rows import Crowd

    template = connection.settings_dict["NAME"]
    for name, jobs, people in ((SMALL, small, max(users // 100, 10)), (LARGE, large, users)):
        began = time.monotonic()
        use("template1")
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        use(name)
        crowd = Crowd(jobs, people, world.owner.pk, world.users["light"].pk)
        multiply(crowd.count, changes=crowd.changes)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
            # All work for a page is then done by the one process whose time is read.
            cursor.execute(f"ALTER DATABASE {name} SET max_parallel_workers_per_gather = 0")
        say({"filled": name, "jobs": jobs, "s": round(time.monotonic() - began)})


def measure(world: World, visits: list[Visit], rounds: int) -> None:
    """Ask for each page, and, beyond one round, for what it leads to on its own path."""
    from tests.many.visits import Visitors, variations

    visitors = {}
    for name in (SMALL, LARGE):
        use(name)
        visitors[name] = Visitors(world)
    for visit in visits if rounds > 1 else visits[::8]:  # a smoke run asks for some
        shown = visitors[LARGE].ask(visit).shown
        for one in (visit, *(variations(visit, shown) if rounds > 1 else ())):
            say(measured(visitors, one, rounds if one is visit else min(rounds, 3), of=visit))


def use(name: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def measured(
    visitors: dict[str, Visitors], visit: Visit, rounds: int, *, of: Visit | None = None
) -> dict[str, Any]:
    """Times of a page in both databases, and of the plain page, in turns.

    A further page of a list is compared with the list `of` in the small one, which shows as many
    rows: there the further page has few, or does not exist.
    """
    in_small = of if of is not None and _is_further(visit) else visit
    times: dict[str, list[Took]] = {SMALL: [], LARGE: [], "plain": []}
    status: dict[str, int] = {}
    asked = {SMALL: in_small, LARGE: visit}
    for name in (SMALL, LARGE):
        use(name)
        status[name] = visitors[name].ask(asked[name]).status_code
    for _ in range(rounds):
        for name in (SMALL, LARGE):
            use(name)
            plain_page()  # it also connects
            times["plain"].append(timed(plain_page))
            times[name].append(timed(partial(visitors[name].ask, asked[name])))
        if times[LARGE][-1][1] > LONG_S:
            break
    return {"page": visit.name, "caller": visit.caller, "status": list(status.values()), **times}


def _is_further(visit: Visit) -> bool:
    return bool(re.search(r"[?&](p|page)=\d", visit.path))


def timed(call: Callable[[], Any]) -> Took:
    server, served = _database_process()
    began, worked = time.perf_counter(), time.process_time()
    call()
    took, work = time.perf_counter() - began, time.process_time() - worked
    server_now, served_now = _database_process()
    return took, work + served_now - (served if server_now == server else 0)


def _database_process() -> tuple[int, float]:
    """The database's process that serves this one, and its processor time until now, in seconds.

    Linux shows it in nanoseconds (Documentation/scheduler/sched-stats in the kernel).
    """
    from django.db import connection

    if connection.connection is None:  # the page gave it back while it waited
        return 0, 0.0
    pid = connection.connection.info.backend_pid
    return pid, int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def plain_page() -> str:
    """What Django takes to read 50 rows and write a table of them."""
    from django.db import connection
    from django.template import Context, Engine

    with connection.cursor() as cursor:
        cursor.execute("SELECT job_id, state, units, created_at FROM jobs_job LIMIT 50")
        rows = cursor.fetchall()
    template = Engine().from_string(
        "<table>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>"
        "{% endfor %}</table>"
    )
    return template.render(Context({"rows": rows}))


def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
