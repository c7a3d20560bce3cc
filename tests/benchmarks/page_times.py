"""Times every page in a small and in a large database: `page_times SMALL LARGE USERS ROUNDS`.

`TEST_DATABASE_URL` is of a PostgreSQL server. It makes the databases `pages_small` (SMALL jobs)
and `pages_large` (LARGE jobs, USERS users), asks for each page in both in turns, and prints JSON
for each page: [name, status, times in the small one (s), times in the large one, those of a plain
Django page]. What a page leads to on its own path (filters, orders, further pages, searches) is
measured too, with fewer rounds. With KEEP_ROWS=1 databases that are there are used again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django

import tests.environment  # noqa: F401, I001 - before Django's settings

ONLY = os.environ.get("PAGES", "")
SMALL, LARGE = "pages_small", "pages_large"
LONG_S = 1.0
"""A page that takes longer is asked for less often."""


def main(small: int, large: int, users: int, rounds: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import setup_test_environment

    from jobs.discovery import asking
    from tests.accounts.factories import make_user
    from tests.many.rows import multiply
    from tests.many.visits import Visitors, all_visits, further_visits, variations
    from tests.many.world import make_full_world, stores

    from .page_rows import Crowd

    setup_test_environment()
    asking._call = stores()
    call_command("migrate", verbosity=0)
    world = make_full_world()
    light = make_user("light@example.org", permissions=["manage:cubegens"])
    visitors, visits = Visitors(world), list(all_visits(world))
    visitors.add("light", light)
    visits += further_visits(visits, "light")
    template = connection.settings_dict["NAME"]
    for name, jobs, people in ((SMALL, small, max(users // 100, 10)), (LARGE, large, users)):
        began = time.monotonic()
        use("template1")
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        use(name)
        crowd = Crowd(jobs, people, world.owner.pk, light.pk)
        multiply(crowd.count, changes=crowd.changes)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
        say({"filled": name, "jobs": jobs, "s": round(time.monotonic() - began)})
    for visit in visits:
        if ONLY and ONLY not in visit.name:
            continue
        use(LARGE)
        shown = visitors.ask(visit).shown
        for one in (visit, *(variations(visit, shown) if rounds > 1 else ())):
            say(measured(lambda one=one: visitors.ask(one), one, rounds if one is visit else 3))


def use(name: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def measured(ask: Callable[[], Any], visit: Any, rounds: int) -> dict[str, Any]:
    """Times of a page in both databases, and of the plain page, in turns."""
    times: dict[str, list[float]] = {SMALL: [], LARGE: [], "plain": []}
    status: dict[str, int] = {}
    for name in (SMALL, LARGE):
        use(name)
        status[name] = ask().status_code
    for _ in range(rounds):
        for name in (SMALL, LARGE):
            use(name)
            plain_page()  # it also connects
            if rounds > 1:
                times["plain"].append(timed(plain_page))
            times[name].append(timed(ask))
        if times[LARGE][-1] > LONG_S:
            break
    return {"page": visit.name, "caller": visit.caller, "status": list(status.values()), **times}


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


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
