"""The pages of the edge: what is wrong, or that a service starts. They load nothing.

They are in the reader's language (`words.py`).
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path

from .words import ENGLISH, said

_HERE = Path(__file__).parent


def read_text(name: str) -> str:
    """A style or a script of the edge."""
    return (_HERE / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """How a content security policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_STYLE, _SCRIPT = read_text("page.css"), read_text("waiting.js")
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"connect-src 'self'; style-src '{digest(_STYLE)}'; script-src '{digest(_SCRIPT)}'"
)
"""The content security policy of these pages: their own style and script, by digest."""


def refusal(
    *, status: int, title: str, detail: str, link: str, link_text: str, language: str = ENGLISH
) -> str:
    """The page that says why something is not shown, and where to go on."""
    title, detail, link_text = (said(text, language) for text in (title, detail, link_text))
    action = f'<p><a class="button" href="{escape(link)}">{escape(link_text)}</a></p>'
    return _page(
        title,
        f'<p class="code">{status}</p><h1>{escape(title)}</h1><p>{escape(detail)}</p>'
        + (action if link else ""),
        language=language,
    )


def waiting(*, state_path: str, language: str = ENGLISH) -> str:
    """The page that turns into the service as soon as that answers."""
    title = said("The service is starting", language)
    status = said(
        "It was asleep, or is new. This takes a few seconds; the page then opens by itself.",
        language,
    )
    opens = said("The page opens by itself.", language)
    still = said(
        "It is still starting, since {seconds} seconds. The page opens by itself as soon as the "
        "service answers.",
        language,
    )
    body = (
        '<div class="globe" aria-hidden="true"></div>'
        f"<h1>{escape(title)}</h1>"
        f'<p role="status" id="status">{escape(status)}</p>'
    )
    head = '<noscript><meta http-equiv="refresh" content="2"></noscript>'
    script = (
        f'<script data-state="{escape(state_path)}" data-opens="{escape(opens)}" '
        f'data-still="{escape(still)}">{_SCRIPT}</script>'
    )
    return _page(title, body, head=head, end=script, language=language)


def _page(title: str, body: str, *, language: str, head: str = "", end: str = "") -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · xcube-hub</title>\n{head}\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>{body}</main>\n<footer>xcube-hub</footer>\n{end}\n</body>\n</html>\n"
    )
