"""Pages of sharing: what I share, what is shared with me, and the page of one share or link."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hubsite.coordination.failures import Limit, TooManyTries, count
from hubsite.refusals import Refused
from hubsite.translations.sentences import translated

from ..models import Action, Share
from ..roles import permissions_of
from ..scopes import MANAGE_CUBEGENS, SHARE_PUBLICLY
from ..settings import hub
from ..sharing import giving, kinds
from ..sharing.giving import Wish
from ..sharing.openings import note_opening
from ..sharing.rights import Opened, held_share, needs_sign_in, share_by_link

SHOWN = 100
DAYS = (1, 7, 30, 90, 365)
MISSES = 60
"""How many links that do not exist one address may try in ten minutes."""


class ShareForm(forms.Form):
    """With whom, for what, for how long."""

    whom = forms.ChoiceField(label=_("With"))
    person = forms.CharField(
        max_length=254, required=False, label=_("E-mail or user id"), help_text=_("For a person.")
    )
    role = forms.ChoiceField(required=False, label=_("Role"), help_text=_("For a role."))
    action = forms.ChoiceField(required=False, label=_("They may"))
    days = forms.TypedChoiceField(coerce=int, label=_("For"))

    def __init__(self, *args: Any, kind: kinds.Kind, by: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        roles = giving.permitted_roles()
        whom = [("person", _("a person")), ("link", _("whoever signs in with a link"))]
        if roles:
            whom.insert(1, ("role", _("everyone with a role")))
        if SHARE_PUBLICLY in permissions_of(by):
            whom.append(("public", _("whoever has a link, without a sign-in")))
        labels = dict(Action.choices)
        days = [day for day in DAYS if day <= hub.max_share_days] or [hub.max_share_days]
        self.fields["whom"].choices = whom
        self.fields["role"].choices = [(role, role) for role in roles]
        self.fields["action"].choices = [(action, labels[action]) for action in kind.actions]
        self.fields["days"].choices = [
            (day, ngettext("%(n)d day", "%(n)d days", day) % {"n": day}) for day in days
        ]
        default = max((day for day in days if day <= hub.share_days), default=days[0])
        self.fields["days"].initial = default

    @property
    def has_roles(self) -> bool:
        return bool(self.fields["role"].choices)

    @property
    def has_actions(self) -> bool:
        return len(self.fields["action"].choices) > 1


def of_subject(request: HttpRequest, *, kind: str, subject: str) -> dict[str, Any] | None:
    """The context of the part "Shared with" in the owner's page of a subject."""
    if MANAGE_CUBEGENS not in permissions_of(request.user):
        return None
    if not (its := kinds.kind_of(kind)).living().filter(**{its.key: subject}).exists():
        return None
    return {
        "form": ShareForm(kind=its, by=request.user, auto_id="share-%s"),
        "shares": giving.with_openings(giving.shares_of(its, subject))[:SHOWN],
        "kind": its,
        "subject": subject,
    }


@method_decorator([never_cache, login_required], name="dispatch")
class SharedPage(View):
    """What others share with me, and what I share."""

    def get(self, request: HttpRequest) -> HttpResponse:
        held = kinds.described(list(giving.shared_with(request.user)[:SHOWN]))
        given = giving.with_openings(giving.given_by(request.user))[:SHOWN]
        context = {"held": held, "given": kinds.described(list(given))}
        return render(request, "sharing/shared.html", context)


@method_decorator([never_cache, login_required], name="dispatch")
class GivePage(View):
    """The form of a subject's page: makes a share. A new link is shown here, and only once."""

    def post(self, request: HttpRequest, kind: str, subject: str) -> HttpResponse:
        its = _kind(request, kind)
        try:
            its.own(request.user, subject)
        except Refused as refused:
            raise Http404(str(refused)) from None
        said = dict(kinds.kind_of(kind).describe([subject]))[subject]
        form = ShareForm(request.POST, kind=its, by=request.user)
        if not form.is_valid():
            for field, errors in form.errors.items():
                messages.error(request, f"{form.fields[field].label}: {errors[0]}")
            return redirect(f"{said.owner_page}?share=1#sharing")
        try:
            url = _give(request, its, subject, form.cleaned_data)
        except Refused as refused:
            messages.error(request, _in_words(form, refused))
            return redirect(f"{said.owner_page}?share=1#sharing")
        if url is None:
            messages.success(request, _("It is shared."))
            return redirect(said.owner_page)
        context = {"url": url, "subject": said, "kind": its, "whom": form.cleaned_data["whom"]}
        return render(request, "sharing/link_made.html", context)


FIELD_OF = {"user": "person", "role": "role", "action": "action", "expires_at": "days"}
"""Which field of the form a field of the API is."""


def _in_words(form: ShareForm, refused: Refused) -> str:
    """A refusal with the field as the form calls it."""
    fault = next(iter(refused.errors), None)
    if fault is None or fault.field not in FIELD_OF:
        return str(refused)
    return f"{form.fields[FIELD_OF[fault.field]].label}: {translated(fault.message)}"


def _give(request: HttpRequest, kind: kinds.Kind, subject: str, given: dict) -> str | None:
    """Make the share; the URL if it is a link. Raises Refused."""
    expires_at = timezone.now() + timedelta(days=given["days"], seconds=-1)
    whom, action = given["whom"], given["action"] or Action.VIEW
    if whom in ("link", "public"):
        wish = Wish(kind, subject, request.user, Action.VIEW, expires_at)
        return giving.link_url(giving.make_link(wish, is_public=whom == "public")[1])
    wish = Wish(kind, subject, request.user, action, expires_at)
    if whom == "role":
        giving.share_with_role(wish, given["role"])
    else:
        giving.share_with_person(wish, given["person"])
    return None


@method_decorator([never_cache, login_required], name="dispatch")
class OpeningsPage(View):
    """Who used a share of mine."""

    def get(self, request: HttpRequest, share_id: int) -> HttpResponse:
        share = _given(request, share_id)
        subject = kinds.described([share])[0][1]
        openings = share.openings.select_related("user")[:SHOWN]
        context = {"share": share, "subject": subject, "openings": openings}
        return render(request, "sharing/openings.html", context)


@never_cache
@login_required
@require_POST
def withdraw(request: HttpRequest, share_id: int) -> HttpResponse:
    giving.withdraw(_given(request, share_id), by=request.user)
    messages.success(request, _("It is not shared there any more."))
    return redirect("shared-list")


@never_cache
@login_required
@require_POST
def leave(request: HttpRequest, share_id: int) -> HttpResponse:
    if not giving.leave(request.user, share_id):
        raise Http404("Nothing of this number is shared with you alone.")
    messages.success(request, _("You have given it back."))
    return redirect("shared-list")


@method_decorator(never_cache, name="dispatch")
class OpenedPage(View):
    """The page of one share: `/shared/<number>/` of mine, `/shared/<secret>/` of a link.

    What is below it, such as pictures, comes the same way, so each request is checked.
    """

    def get(self, request: HttpRequest, share_key: str, part: str = "") -> HttpResponse:
        return self._opened(request, share_key, part)

    def post(self, request: HttpRequest, share_key: str, part: str = "") -> HttpResponse:
        return self._opened(request, share_key, part)

    def _opened(self, request: HttpRequest, share_key: str, part: str) -> HttpResponse:
        try:
            response = self._answer(request, share_key, part)
        except TooManyTries as error:
            response = render(request, "sharing/gone.html", {"is_busy": True}, status=429)
            response["Retry-After"] = str(error.retry_after_s)
        # Not "no-referrer": a browser would then name no origin with the page's own forms, which
        # are refused without one. No other site learns the address either way.
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex"
        return response

    def _answer(self, request: HttpRequest, key: str, rest: str) -> HttpResponse:
        user = request.user if request.user.is_authenticated else None
        if key.isdigit() and len(key) <= 18:
            if user is None:
                return redirect_to_login(request.get_full_path())
            share = held_share(user, int(key))
        else:
            share = _by_link(request, key)
            if share is not None and user is None and needs_sign_in(share):
                return redirect_to_login(request.get_full_path())
        kind = None if share is None else kinds.kind_of(share.kind)
        subject = kind.find_living(share.subject) if kind is not None else None
        if share is None or kind is None or subject is None:
            return render(request, "sharing/gone.html", status=404)
        if user is None or user.pk != share.owner_id:
            note_opening(share, user)
        base = reverse("shared", args=[key])
        return kind.show(request, Opened(share, user, subject, base), rest)


def _by_link(request: HttpRequest, secret: str) -> Share | None:
    """The link's share. Raises TooManyTries if an address asks for many that are not there.

    Only misses are counted: a secret is too long to be found within any number of tries.
    """
    share = share_by_link(secret)
    if share is None:
        address = request.META.get("REMOTE_ADDR", "")
        count([Limit(f"shared link from {address}", most=MISSES, window_s=600)])
    return share


def _given(request: HttpRequest, share_id: int) -> Share:
    try:
        return giving.find_share(share_id, owner=request.user)
    except Refused as refused:
        raise Http404(str(refused)) from None


def _kind(request: HttpRequest, name: str) -> kinds.Kind:
    if name not in kinds.names() or MANAGE_CUBEGENS not in permissions_of(request.user):
        raise Http404("There is nothing of this kind to share.")
    return kinds.kind_of(name)
