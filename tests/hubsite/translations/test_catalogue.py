"""Every text of the pages is in the German catalogue, whole, and as the hub reads it."""

from __future__ import annotations

import gettext
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from deploy import translations
from tests.servers.missing import missing

KEPT = Path(settings.LOCALE_PATHS[0]) / translations.CATALOGUE


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue as `make translations` would write it now."""
    if not shutil.which("xgettext"):
        missing("gettext is not installed: apt-get install gettext")
    folder = tmp_path_factory.mktemp("translations")
    path = folder / translations.CATALOGUE
    path.parent.mkdir(parents=True)
    shutil.copy(KEPT, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "LOCALE_PATHS", [folder])
        translations.collect()
    return path


def entries(path: Path, *which: str) -> list[str]:
    """The texts of the entries that msgattrib chooses."""
    chosen = subprocess.run(
        ["msgattrib", "--no-wrap", *which, path], capture_output=True, text=True, check=True
    )
    return [it for it in chosen.stdout.splitlines() if it.startswith("msgid ") and '""' not in it]


def test_each_text_is_translated(collected: Path):
    assert entries(collected, "--untranslated") == []
    assert entries(collected, "--only-fuzzy") == []


def test_the_catalogue_holds_what_the_code_says_and_no_more(collected: Path):
    assert KEPT.read_text("utf-8") == collected.read_text("utf-8"), "Run `make translations`"
    assert "#~" not in KEPT.read_text("utf-8")


def test_names_of_models_are_listed_for_the_catalogue():
    assert translations.NAMES.read_text("utf-8") == translations.listed_names()


def test_translations_have_the_placeholders_of_their_texts(collected: Path, tmp_path: Path):
    check = ["msgfmt", "--check-format", "--output-file", tmp_path / "django.mo", collected]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_hub_reads_the_same_as_the_catalogue_says(collected: Path, tmp_path: Path):
    fresh = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "--output-file", fresh, KEPT], check=True)

    def texts(path: Path) -> dict:
        with path.open("rb") as file:
            return vars(gettext.GNUTranslations(file))["_catalog"]

    told = texts(KEPT.with_suffix(".mo"))
    assert told == texts(fresh), "Run `make translations`"
    assert len(told) > 10
