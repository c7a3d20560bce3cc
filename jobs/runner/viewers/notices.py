"""Texts that the viewer shows, in place of those of the company that writes it.

The viewer's own privacy note and imprint name Brockmann Consult, its servers and map services;
here the data come from this hub, and no other host is asked.
"""

from __future__ import annotations

_PRIVACY = """\
Before you continue:

* The data come from this hub. No other host is asked, and no map service.
* A cookie lets you in. It is deleted when your right to this viewer ends.
* Your settings are kept in your browser ("local storage").
* Nothing that you do here is collected or passed on; the hub notes when the viewer was last used.
"""
_PRIVACY_DE = """\
Bevor es losgeht:

* Die Daten kommen von diesem Hub. Kein anderer Server und kein Kartendienst wird gefragt.
* Ein Cookie lässt Sie herein. Es endet, wenn Ihr Zugang zu diesem Viewer endet.
* Ihre Einstellungen bleiben in Ihrem Browser („Local Storage“).
* Was Sie hier tun, wird weder gesammelt noch weitergegeben; der Hub vermerkt, wann der Viewer
  zuletzt benutzt wurde.
"""
_IMPRINT = """\
# Imprint

This viewer is part of a hub for data cubes. Who operates the hub is responsible for it.

The software is the xcube Viewer by Brockmann Consult GmbH, under the MIT License.
"""

_ABOUT = """\
This is the xcube Viewer, open-source software by Brockmann Consult GmbH. It shows data cubes of
this hub.
"""

KEPT = "private, max-age=3600"
"""The viewer asks for some of them each time that it draws its page anew."""

NOTICES: dict[str, str] = {
    "/viewer/docs/privacy-note.en.md": _PRIVACY,
    "/viewer/docs/privacy-note.se.md": _PRIVACY,
    "/viewer/docs/privacy-note.de.md": _PRIVACY_DE,
    "/viewer/docs/imprint.en.md": _IMPRINT,
    "/viewer/config/about.en.md": _ABOUT,
}
"""By path below the prefix; as Markdown."""
