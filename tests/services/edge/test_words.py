"""The pages of the edge are in the language that the browser asks for; programs get English."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator

import pytest

from services.edge import proxying, refusals
from services.edge.answers import Refusal
from services.edge.hub import Denied, HubUnavailable, _decision
from services.edge.words import _GERMAN, language_of, said

from .test_starting import PAGE, SLOW
from .world import run, world

GERMAN_PAGE = {**PAGE, "Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH", "de"),
        ("DE-de, en;q=0.9", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr-FR, fr;q=0.9, de;q=0.2, en;q=0.1", "de"),
        ("fr", "en"),
        ("den", "en"),
        ("de;q=0", "en"),
        ("de;q=nan, de;q=x, de;q=7, ;;,=", "en"),
        ("en;q=0.1," * 30 + "de", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(accepted: str, language: str):
    assert language_of(accepted) == language


def texts() -> Iterator[str]:
    """What the edge itself says on pages."""
    for why in refusals._DENIALS:
        refusal = refusals.refusal_of(Denied(why=why, message="", location="https://hub"))
        yield from (refusal.title, refusal.detail, refusal.link_text)
    for module in (refusals, proxying):
        for refusal in vars(module).values():
            if isinstance(refusal, Refusal):
                yield from (refusal.title, refusal.detail, refusal.link_text)


def test_each_text_is_there_in_german():
    assert {text for text in texts() if text and said(text, "de") == text} == set()
    assert all(said(text, "en") == text for text in texts())
    for english, german in _GERMAN.items():
        assert re.findall(r"\{\w+\}", english) == re.findall(r"\{\w+\}", german)


def test_a_german_browser_gets_german_pages_and_programs_get_english():
    limits = dataclasses.replace(SLOW, page_wait_s=0.05, state_s=0.05)

    async def test():
        async with world(limits=limits) as w:
            w.hub.address, w.hub.state = "", "REQUESTED"
            _, text, _ = await w.get("/", headers=GERMAN_PAGE)
            assert '<html lang="de">' in text and "<h1>Der Dienst startet</h1>" in text
            assert 'data-opens="Die Seite öffnet sich von selbst."' in text
            assert "starting" not in text.partition("<script")[0]
            _, text, _ = await w.get("/", headers=PAGE)
            assert '<html lang="en">' in text and "<h1>The service is starting</h1>" in text
        async with world() as w:
            w.hub.wrong = {"allow": False, "why": "stopped", "message": "Its owner stopped it.",
                           "messages": {"de": "Sein Besitzer <hat> ihn gestoppt."},
                           "location": "https://hub.example.org/"}  # fmt: skip
            _, text, _ = await w.get("/y", headers=GERMAN_PAGE)
            assert "<h1>Dieser Dienst ist beendet</h1>" in text
            assert "Sein Besitzer &lt;hat&gt; ihn gestoppt." in text
            assert "Sehen Sie, warum, oder starten Sie einen neuen</a>" in text
            _, text, _ = await w.get("/z", headers={"Accept-Language": "de"})
            assert json.loads(text)["detail"] == "Its owner stopped it."

    run(test())


@pytest.mark.parametrize(
    "messages", [["x"], {"de": 1}, {"de": "x" * 2001}, {str(n): "" for n in range(11)}]
)
def test_messages_of_the_hub_are_checked(messages: object):
    answer = {"allow": False, "why": "stopped", "message": "x", "messages": messages}
    with pytest.raises(HubUnavailable):
        _decision(answer, "instance")
