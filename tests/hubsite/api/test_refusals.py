"""What the domain refuses is told alike by the API, by commands and by pages."""

import io

import pytest
from django.core.management import CommandError, call_command
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from hubsite.api.handlers import STATUSES, as_api_error, exception_handler
from hubsite.management.command import HubCommand
from hubsite.refusals import FieldError, Kind, Refused
from jobs.request import InvalidRequest


def answer(refused: Refused):
    request = Request(APIRequestFactory().get("/api/v2/users/me"))
    return exception_handler(refused, {"request": request})


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_one_status(kind):
    response = answer(Refused("no", kind=kind))
    assert response.status_code == STATUSES[kind]
    assert response.data["detail"] == response.data["message"] == "no"
    assert "errors" not in response.data


def test_a_field_is_named_in_the_sentence_and_in_the_errors():
    refused = Refused("this client id is taken", field="client_id", kind=Kind.CONFLICT)
    assert str(refused) == "client_id: this client id is taken"
    assert answer(refused).data["errors"] == [
        {"field": "client_id", "message": "this client id is taken"}
    ]


def test_the_whole_body_is_a_field_without_a_name():
    assert str(Refused("an object is expected", field="")) == "an object is expected"
    assert as_api_error(Refused("x", field="")).errors == [{"field": "", "message": "x"}]


def test_it_says_when_to_try_again_and_what_else_there_is_to_know():
    response = answer(
        Refused("too dear", kind=Kind.TOO_EXPENSIVE, retry_after_s=7, title="Units", required=9)
    )
    assert response.headers["Retry-After"] == "7"
    assert (response.data["title"], response.data["required"]) == ("Units", 9)


def test_a_request_with_many_faults_is_a_refusal_that_lists_them():
    refused = InvalidRequest([FieldError("a", "x"), FieldError("", "y"), FieldError("a", "x")])
    assert isinstance(refused, Refused)
    assert str(refused) == "a: x; y"
    assert [e["field"] for e in as_api_error(refused).errors] == ["a", ""]


def test_a_command_shows_the_same_sentence():
    class Refusing(HubCommand):
        def run(self, out, options):
            raise Refused("a date \x1b[2Jis expected", field="from")

    with pytest.raises(CommandError) as raised:
        call_command(Refusing(stdout=io.StringIO()))
    assert str(raised.value).startswith("from: a date ")
    assert "\x1b" not in str(raised.value)
