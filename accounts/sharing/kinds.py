"""The kinds of things that can be shared: each app registers its own in `AppConfig.ready`.

    kinds.register(
        Kind(
            "result",
            noun="result",
            key="job_id",
            rows=Job.objects.listed,
            living=lambda: Job.objects.listed().filter(state=State.SUCCEEDED),
            describe=describe,
            show=show,
        )
    )

So this room knows the rules of sharing, and nothing of jobs and services.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from hubsite.refusals import Kind as RefusalKind
from hubsite.refusals import Refused

from ..models import Action, Share, User


@dataclass(frozen=True)
class Subject:
    """What lists say of one subject. `owner_page` is the path of its page for its owner."""

    title: str
    state: str = ""
    owner_page: str = ""
    called: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of subject. Its model has an `owner` and, as `key`, an id that never changes.

    `rows` are the subjects that their owners see, `living` those that can be used now.
    `describe` gets ids and answers with one query, however many they are.
    `show` answers a request for a page of a share, or for something below it: it gets the request,
    the right by which it came (`rights.Opened`), and the rest of the path.
    `note` writes into the subject's own history what happened, in words and by whom.
    """

    name: str
    noun: str
    key: str
    rows: Callable[[], QuerySet]
    living: Callable[[], QuerySet]
    describe: Callable[[Collection[str]], Mapping[str, Subject]]
    show: Callable[[HttpRequest, Any, str], HttpResponse]
    note: Callable[[Any, str, str], None] = lambda row, message, actor: None
    called: str = ""
    """What pages call one, in the reader's language; `noun` is for programs and mails."""
    actions: tuple[str, ...] = (Action.VIEW,)

    def own(self, user: User, subject: str) -> Any:
        """The user's own subject of this id. Raises Refused (404)."""
        row = self.rows().filter(owner=user, **{self.key: subject}).first()
        if row is None:
            raise Refused(
                f"{self.noun.capitalize()} {subject[:63]} not found.", kind=RefusalKind.NOT_FOUND
            )
        return row

    def find_living(self, subject: str) -> Any:
        """The subject with its owner if it can be used now, else None."""
        return self.living().select_related("owner").filter(**{self.key: subject}).first()

    def hold(self, subject: str) -> Any:
        """Lock the subject until the transaction ends. Raises Refused (409) if it is over."""
        rows = self.rows().select_for_update(of=("self",))
        row = rows.filter(**{self.key: subject}).first()
        if row is None or not self.living().filter(pk=row.pk).exists():
            raise Refused(
                f"The {self.noun} is over or not there yet; it cannot be shared.",
                kind=RefusalKind.CONFLICT,
            )
        return row

    def is_living(self) -> Q:
        """A condition on shares: they are of this kind, and their subject can be used now."""
        living = self.living().order_by().filter(**{self.key: OuterRef("subject")})
        return Q(kind=self.name) & Q(Exists(living))


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _kinds[kind.name] = kind


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises KeyError."""
    return _kinds[name]


def names() -> list[str]:
    return sorted(_kinds)


def is_living() -> Q:
    """A condition on shares of all kinds: their subject can be used now."""
    condition = Q(pk__in=[])
    for kind in _kinds.values():
        condition |= kind.is_living()
    return condition


def described(shares: Collection[Share]) -> list[tuple[Share, Subject]]:
    """The shares with what lists say of their subjects: one query for each kind."""
    found: dict[tuple[str, str], Subject] = {}
    for name in {share.kind for share in shares} & set(_kinds):
        wanted = {share.subject for share in shares if share.kind == name}
        for subject, said in _kinds[name].describe(wanted).items():
            found[name, subject] = replace(said, called=_kinds[name].called)
    gone = Subject("It is not there any more")
    return [(share, found.get((share.kind, share.subject), gone)) for share in shares]
