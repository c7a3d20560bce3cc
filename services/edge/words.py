"""The language of the edge's pages: what the browser asks for, English or German.

Answers to programs are English. What the hub says about an instance comes from it in both.
"""

from __future__ import annotations

ENGLISH, GERMAN = "en", "de"
_MOST_PREFERENCES = 20


def language_of(accepted: str) -> str:
    """The language that a header Accept-Language likes best; English if it names none of ours."""
    best, likes = ENGLISH, 0.0
    for preference in accepted.split(",")[:_MOST_PREFERENCES]:
        tag, _, weight = preference.strip().partition(";q=")
        try:
            liked = float(weight or 1)
        except ValueError:
            continue
        language = tag.strip().lower().partition("-")[0]
        if language in (ENGLISH, GERMAN) and likes < liked <= 1:
            best, likes = language, liked
    return best


def said(text: str, language: str) -> str:
    """`text` in this language; as it is if there is no translation."""
    return _GERMAN.get(text, text) if language == GERMAN else text


_GERMAN = {
    "The service is starting": "Der Dienst startet",
    "It was asleep, or is new. This takes a few seconds; the page then opens by itself.": (
        "Er hat geschlafen oder ist neu. Das dauert einige Sekunden; dann öffnet sich die Seite "
        "von selbst."
    ),
    "The page opens by itself.": "Die Seite öffnet sich von selbst.",
    "It is still starting, since {seconds} seconds. The page opens by itself as soon as the "
    "service answers.": (
        "Er startet noch, seit {seconds} Sekunden. Die Seite öffnet sich von selbst, sobald der "
        "Dienst antwortet."
    ),
    "Please sign in": "Bitte melden Sie sich an",
    "Sign in at the hub to open this service.": (
        "Melden Sie sich am Hub an, um diesen Dienst zu öffnen."
    ),
    "Sign in": "Anmelden",
    "This service is not yours": "Dieser Dienst ist nicht Ihrer",
    "It belongs to someone else.": "Er gehört jemand anderem.",
    "To the hub": "Zum Hub",
    "There is no such service": "Diesen Dienst gibt es nicht",
    "There is no service at this address.": "Unter dieser Adresse gibt es keinen Dienst.",
    "This service has ended": "Dieser Dienst ist beendet",
    "It was stopped.": "Er wurde gestoppt.",
    "See why, or start a new one": "Sehen Sie, warum, oder starten Sie einen neuen",
    "This service has failed": "Dieser Dienst ist fehlgeschlagen",
    "It ended with a failure.": "Er endete mit einem Fehler.",
    "See what happened": "Sehen Sie, was geschah",
    "No processing units are left": "Keine Einheiten mehr",
    "The service is asleep, and its owner has no processing units left to wake it.": (
        "Der Dienst schläft, und sein Besitzer hat keine Einheiten mehr, um ihn zu wecken."
    ),
    "To the service": "Zum Dienst",
    "This link does not work any more": "Dieser Link gilt nicht mehr",
    "It was used already, is too old, or was withdrawn.": (
        "Er wurde schon benutzt, ist zu alt oder wurde zurückgezogen."
    ),
    "Open the service at the hub": "Den Dienst am Hub öffnen",
    "Not possible at the moment": "Im Moment nicht möglich",
    "Try again later.": "Versuchen Sie es später noch einmal.",
    "There is nothing here": "Hier ist nichts",
    "This path is not served.": "Diesen Pfad gibt es nicht.",
    "Not signed in": "Nicht angemeldet",
    "Authorization: expected a token of the hub, as `Bearer TOKEN`.": (
        "Authorization: erwartet wird ein Token des Hubs, als `Bearer TOKEN`."
    ),
    "The hub does not answer": "Der Hub antwortet nicht",
    "The hub cannot be asked who may open this service. Try again soon.": (
        "Der Hub lässt sich nicht fragen, wer diesen Dienst öffnen darf. Versuchen Sie es bald "
        "noch einmal."
    ),
    "The service does not answer yet. Try again soon.": (
        "Der Dienst antwortet noch nicht. Versuchen Sie es bald noch einmal."
    ),
    "Too many requests at once": "Zu viele Anfragen auf einmal",
    "You have too many requests open at this service. Wait until some of them end.": (
        "Sie haben zu viele offene Anfragen an diesen Dienst. Warten Sie, bis einige beendet sind."
    ),
    "The service is busy": "Der Dienst ist ausgelastet",
    "Too many requests are open at this service. Try again soon.": (
        "Zu viele Anfragen an diesen Dienst sind offen. Versuchen Sie es bald noch einmal."
    ),
    "Not possible": "Nicht möglich",
    "This method is not served.": "Diese Methode gibt es hier nicht.",
    "Your right has ended": "Ihr Zugang ist beendet",
    "Your right to use this service has ended, or the service was stopped.": (
        "Ihr Recht, diesen Dienst zu benutzen, ist beendet, oder der Dienst wurde gestoppt."
    ),
    "The edge restarts": "Der Edge startet neu",
    "The edge restarts. Try again.": "Der Edge startet neu. Versuchen Sie es noch einmal.",
    "The service gave no proper answer": "Der Dienst hat nicht richtig geantwortet",
    "The service closed the connection, or its answer was malformed.": (
        "Der Dienst hat die Verbindung geschlossen, oder seine Antwort war fehlerhaft."
    ),
    "The service took too long": "Der Dienst brauchte zu lange",
    "The service did not answer in time.": "Der Dienst hat nicht rechtzeitig geantwortet.",
    "Not a complete link": "Kein vollständiger Link",
    "ticket: expected the ticket of the hub, or link: the secret of a shared link.": (
        "ticket: erwartet wird das Ticket des Hubs, oder link: das Geheimnis eines geteilten Links."
    ),
    "Not a proper address": "Keine richtige Adresse",
}
