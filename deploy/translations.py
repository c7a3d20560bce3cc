"""Collect the texts of all pages into the German catalogue, and compile it: `make translations`.

xgettext and msgfmt (gettext) do the work, by Django's commands. What is new or has changed is
empty or marked fuzzy in the catalogue afterwards: translate it, then run this again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "hubsite" / "translations" / "listed_names.py"
SENTENCES = NAMES.with_name("listed_sentences.py")
CATALOGUE = Path("de") / "LC_MESSAGES" / "django.po"
_LONGEST_LINE = 100
NOT_PAGES = ["build", "deploy", "docs", "tests", "var", "jobs/runner", "services/edge"]


def listed_names() -> str:
    """The module that shows xgettext the names of models and fields."""
    from django.contrib import admin

    from hubsite.translations.model_names import names

    return _module("Names of models and fields", "NAMES", names(admin.site))


def listed_sentences() -> str:
    """The module that has the sentences of the code, for xgettext and for the pages."""
    from hubsite.translations.collecting import sentences

    return _module("Sentences of the code", "SENTENCES", sentences(ROOT))


def _module(what: str, name: str, texts: list[str]) -> str:
    lines = "".join(map(_marked, texts))
    return (
        f'"""{what}, for xgettext. Made by `make translations`."""\n'
        "\nfrom django.utils.translation import gettext_noop as _\n\n"
        f"{name} = (\n{lines})\n"
    )


def _marked(text: str) -> str:
    """A line of the module, or several if the text is long; formatted as ruff does."""
    line = f"    _({_quoted(text)}),\n"
    if len(line) <= _LONGEST_LINE:
        return line
    words, pieces = text.split(" "), [""]
    for number, word in enumerate(words):
        more = word + " " * (number < len(words) - 1)
        if len(_quoted(pieces[-1] + more)) > _LONGEST_LINE - 10:
            pieces.append("")
        pieces[-1] += more
    return "    _(\n" + "".join(f"        {_quoted(piece)}\n" for piece in pieces) + "    ),\n"


def _quoted(text: str) -> str:
    if text.count('"') > text.count("'"):
        return repr(text)
    return json.dumps(text, ensure_ascii=False)


def collect() -> None:
    """Bring the catalogues below LOCALE_PATHS up to date with the code and the templates."""
    from django.conf import settings
    from django.core.management import call_command

    here = Path.cwd()
    os.chdir(ROOT)
    try:
        call_command(
            "makemessages",
            locale=["de"],
            extensions=["html", "py"],
            ignore_patterns=NOT_PAGES,
            add_location="file",
            no_wrap=True,
            no_obsolete=True,
            verbosity=0,
        )
    finally:
        os.chdir(here)
    for folder in settings.LOCALE_PATHS:
        path = Path(folder) / CATALOGUE
        # A date that changes each time would be a conflict for people who work side by side.
        text = re.sub(r'^"POT-Creation-Date: .*\n', "", path.read_text("utf-8"), flags=re.M)
        path.write_text(text, "utf-8")


def compile_all() -> None:
    """Write the .mo files, which the hub reads."""
    from django.core.management import call_command

    call_command("compilemessages", locale=["de"], ignore_patterns=NOT_PAGES, verbosity=0)


def main() -> None:
    if not shutil.which("xgettext"):
        sys.exit("The programs of gettext are missing; on Debian: apt-get install gettext")
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubsite.settings")
    import django

    django.setup()
    NAMES.write_text(listed_names(), "utf-8")
    SENTENCES.write_text(listed_sentences(), "utf-8")
    collect()
    compile_all()


if __name__ == "__main__":
    main()
