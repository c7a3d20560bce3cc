"""Pages show the domain's English sentences in the reader's language; nothing else changes."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, override

from deploy import translations
from hubsite.refusals import FieldError, Refused
from hubsite.translations import sentences
from hubsite.translations.collecting import of_module
from hubsite.translations.listed_sentences import SENTENCES
from hubsite.translations.sentences import translated

SAID = {
    # values, as they are, and with the marks of German numbers and times
    "You have 40 tokens; revoke one first.": "Sie haben 40 Tokens; widerrufen Sie zuerst eines.",
    "The cube has more than 200,000 files, too many for a zip.": (
        "Der Cube hat mehr als 200.000 Dateien, zu viele für ein Zip."
    ),
    "expected 1.5": "erwartet: 1,5",
    "It will be stopped at 2026-11-26 10:30 UTC.": "Er wird um 26.11.2026 10:30 UTC gestoppt.",
    # a field before it, a sentence as a value of another, several sentences
    "cube_config.crs: crs is invalid: foo": "cube_config.crs: das crs ist ungültig: foo",
    "input_config.store_id: missing; expected the name of a store (@demo)": (
        "input_config.store_id: fehlt; erwartet: der Name eines Speichers (@demo)"
    ),
    "Took longer than a run may take. The run took longer than its 60 s.": (
        "Dauerte länger, als ein Lauf dauern darf. Der Lauf dauerte länger als seine 60 s."
    ),
    "'a b.zarr' in @cubes is being written by another job.": (
        "'a b.zarr' in @cubes wird gerade von einem anderen Auftrag geschrieben."
    ),
    "Expected a number greater than 0.": "Erwartet: eine Zahl größer als 0.",
    # words of the code, and what someone else wrote
    "The run used more memory than it may.": "Mehr Arbeitsspeicher gebraucht als erlaubt (Lauf).",
    "An operator stopped it: moving house": "Ein Betreiber hat ihn gestoppt: moving house",
    "run is ready": "run ist fertig",
    "My cubes will be stopped soon": "My cubes wird bald gestoppt",
    "{0} of {x} is ready": "{0} of {x} ist fertig",
    # nothing of ours
    "KeyError: 'chl'": "KeyError: 'chl'",
    "": "",
    " ": " ",
}


@pytest.mark.parametrize("english", SAID, ids=lambda text: text[:30])
def test_sentences_are_found_again(english: str):
    with override("de"):
        assert translated(english) == SAID[english]
    with override("en"):
        assert translated(english) == english


def test_refusals_stay_english_but_where_they_are_shown():
    with override("de"):
        refused = Refused("at most 500 characters are expected", field="message")
        assert str(refused) == "message: at most 500 characters are expected"
        assert refused.errors == [FieldError("message", "at most 500 characters are expected")]
        assert translated(refused) == "message: höchstens 500 Zeichen werden erwartet"


def test_a_template_escapes_what_is_shown():
    page = Template("{% load console %}{{ text|translated }}")
    with override("de"):
        assert page.render(Context({"text": "<b> is ready"})) == "&lt;b&gt; ist fertig"
        safe = mark_safe("<b>Your service</b>")
        assert page.render(Context({"text": safe})) == safe
        assert page.render(Context({"text": None})) == ""


def test_hostile_texts_are_looked_through_a_few_times_only():
    with override("de"):
        for text in (". ; : " * 600, "The run crashed: " + "a: b. " * 600, "{" * 4000, ": " * 500):
            sentences._translated.cache_clear()
            assert len(translated(text)) >= len(text)
            assert sentences._translated.cache_info().misses < 100


def test_each_sentence_finds_itself():
    """With values put in, each one is found, and not hidden by another."""
    with override("de"):
        for sentence in SENTENCES:
            said = sentence.format(*(f"x{n}" for n in range(9)))
            if gettext(sentence) != sentence and len(sentence.split()) > 2:
                assert translated(said) != said, sentence


def test_sentences_are_collected_from_code():
    source = '''
"""The words of a docstring."""
logger.warning("this goes to a log")
raise Refused(f"at most {count} names of {', '.join(known)} are expected", field="some_name")
title = "{name} is ready"
asked = _("marked by hand already")
model = CharField(help_text="shown by the admin's form")
'''
    assert list(of_module(source)) == [
        "at most {0} names of {1} are expected",
        "{0} is ready",
    ]


def test_sentences_of_the_code_are_listed_for_the_catalogue():
    assert translations.SENTENCES.read_text("utf-8") == translations.listed_sentences()
