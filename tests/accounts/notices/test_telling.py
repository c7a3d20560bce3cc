"""One thing that happened is told once, in one statement, in words that hide nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import Notice
from accounts.notices import kinds
from accounts.notices.telling import tell
from jobs import lifecycle
from jobs.models import Reason, State
from services import lifecycle as services_lifecycle
from services.models import Reason as ServiceReason
from services.models import State as ServiceState
from services.running import idle
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db


def told(user) -> list[str]:
    return list(user.notices.order_by("pk").values_list("title", flat=True))


def test_a_notice_is_one_statement_and_its_repetition_changes_nothing(
    django_assert_num_queries,
):
    user = make_user()
    for occasion, count in (("", 1), ("", 1), ("later", 2)):
        with django_assert_num_queries(1):
            tell(user, "units.low", "", "Few are left", occasion=occasion)
        assert user.notices.count() == count
    tell(make_user(), "units.low", "", "Few are left")
    assert user.notices.count() == 2, "another's notice is another"


def test_a_kind_that_no_app_registered_is_a_bug():
    with pytest.raises(LookupError, match="kinds.py"):
        tell(make_user(), "no.such", "", "x")
    with pytest.raises(ValueError, match="twice"):
        kinds.register(kinds.Kind("units.low", "Something else"))


def test_what_is_undone_was_not_told():
    user = make_user()
    with transaction.atomic():
        tell(user, "units.low", "", "Few are left")
        transaction.set_rollback(True)
    assert told(user) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\r\nBcc: all@example.org", "a Bcc: all@example.org"),
        ("gnp\u202e.exe\u0000", "gnp.exe"),
        ("x" * 300, "x" * 199 + "…"),
        ("half \ud800 a pair", "half a pair"),
        ("  Grüße,\t世界 ", "Grüße, 世界"),
    ],
)
def test_a_title_is_one_line_of_visible_characters(given, shown):
    user = make_user()
    tell(user, "units.low", "s" * 300, given, given * 4, details={"x": "a\0b\ud800"})
    notice = user.notices.get()
    assert notice.title.replace("  ", " ") == shown
    assert len(notice.text) <= 1000 and "\n" not in notice.text
    assert len(notice.subject) == 100
    assert notice.details == {"x": "ab?"}


@pytest.mark.parametrize(
    ("steps", "title", "text", "is_read"),
    [
        ([State.LAUNCHED, State.RUNNING, State.SUCCEEDED], "{} is ready", "", False),
        (
            [State.LAUNCHED, State.RUNNING, State.FAILED],
            "{} could not be generated",
            "Needed more memory than a run may use. It had 1 GB.",
            False,
        ),
        ([State.CANCELLED], "The job for {} was cancelled", "", True),
    ],
)
def test_the_end_of_a_job_is_told_and_no_other_step(steps, title, text, is_read):
    job = make_job(make_user(units=100))
    for step in steps:
        assert told(job.owner) == []
        is_failure = step == State.FAILED
        assert lifecycle.move(
            job,
            step,
            actor=job.owner.user_id,
            reason=Reason.OUT_OF_MEMORY if is_failure else "",
            message="It had 1 GB." if is_failure else "",
        )
    notice = job.owner.notices.get()
    assert notice.title == title.format(job.output_data_id)
    assert (notice.text, notice.path) == (text, f"/cubes/{job.job_id}/")
    assert (notice.read_at is not None) is is_read, "what its owner did is no news"
    assert notice.details["job_id"] == job.job_id


def test_a_job_that_an_operator_cancelled_is_news_to_its_owner():
    job = make_job(make_user(units=100))
    lifecycle.cancel(job, actor=make_user().user_id)
    assert job.owner.notices.unread().count() == 1


def test_a_service_tells_its_end_once_and_that_it_sleeps():
    instance = make_instance(make_user(), state=ServiceState.READY, title="My map")
    owner = instance.owner
    services_lifecycle.sleep(instance, actor="hub", reason=ServiceReason.IDLE)
    services_lifecycle.stop(instance, actor="hub", reason=ServiceReason.AGE)
    services_lifecycle.close(instance, actor="hub")
    assert told(owner) == ["My map fell asleep", "My map was stopped"]
    assert owner.notices.get(kind="service.stopped").text == (
        "It reached the largest age of its profile."
    )


def test_what_its_owner_stops_is_no_news_and_what_fails_is():
    mine = make_instance(make_user(), state=ServiceState.READY)
    services_lifecycle.stop(mine, actor=mine.owner.user_id, reason=ServiceReason.OWNER)
    assert mine.owner.notices.unread().count() == 0
    broken = make_instance(make_user(), state=ServiceState.READY)
    services_lifecycle.fail(broken, ServiceReason.CRASH_LOOP, "Three times.", actor="hub")
    assert broken.owner.notices.unread().get().text == "Ended again and again. Three times."


def test_a_stop_is_told_an_hour_before_once():
    instance = make_instance(make_user(), state=ServiceState.READY, title="My map")
    for _ in range(2):
        idle.look(idle.ends_at(instance) - idle.WARNED_BEFORE / 2)
        instance.refresh_from_db()
    notice = Notice.objects.get(kind="service.stops")
    assert notice.title == "My map will be stopped soon"
    assert f"{idle.ends_at(instance):%H:%M} UTC" in notice.text
