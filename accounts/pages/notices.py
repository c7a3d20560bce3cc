"""The pages of notices: the list, what a user wants to get, and the link that ends e-mails."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts.settings import hub
from hubsite import audit

from ..models import Notice, User
from ..notices import links
from ..notices.choices import choices_of, choose, has_mail, set_mail, wants_mail
from ..notices.reading import mark_read, unread_of

ON_A_PAGE = 25


@method_decorator([never_cache, login_required], name="dispatch")
class NoticesPage(View):
    """The caller's notices, newest first. Its form marks those that it shows, and older ones."""

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Notice.objects.filter(user=request.user)
        before = request.GET.get("before", "")
        if before.isdecimal() and len(before) < 19:
            rows = rows.filter(pk__lt=int(before))
        found = list(rows[: ON_A_PAGE + 1])
        shown = found[:ON_A_PAGE]
        context = {
            "notices": shown,
            "next": shown[-1].pk if len(found) > ON_A_PAGE else None,
            "before": before,
            "unread": unread_of(request.user),
            "last": shown[0].pk if shown else None,
        }
        return render(request, "accounts/notices.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        up_to = request.POST.get("up_to", "")
        if up_to.isdecimal() and len(up_to) < 19:
            mark_read(request.user, up_to=int(up_to))
        return redirect("notices")


@method_decorator([never_cache, login_required], name="dispatch")
class ChoicesPage(View):
    """How the caller gets notices of each kind."""

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            "choices": choices_of(request.user),
            "mail": wants_mail(request.user),
            "has_mail": bool(hub.email_url) and has_mail(request.user),
            "webhooks_per_user": hub.webhooks_per_user,
        }
        return render(request, "accounts/notice_choices.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        portal, mail = set(request.POST.getlist("portal")), set(request.POST.getlist("mail"))
        names = [choice.kind.name for choice in choices_of(request.user)]
        choose(
            request.user,
            mail="all-mail" in request.POST,
            wanted={name: (name in portal, name in mail) for name in names},
        )
        messages.success(request, _("Your choice is stored."))
        return redirect("notice-choices")


@method_decorator([never_cache, csrf_exempt], name="dispatch")
class UnsubscribePage(View):
    """Ends a user's e-mails without a sign-in, by the link in them.

    Programs of mail providers open links, so GET changes nothing. Their one click is a POST
    without our CSRF token (RFC 8058); the signed link itself shows that it is allowed.
    """

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        self._user(token)
        return render(request, "accounts/unsubscribe.html", {"is_done": False})

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        user = get_object_or_404(User, pk=self._user(token))
        with transaction.atomic():
            set_mail(user.pk, is_off=True)
            audit.record_seldom(
                "notices.chosen", actor=user, on=user, detail="no e-mails, by the link in one"
            )
        return render(request, "accounts/unsubscribe.html", {"is_done": True})

    @staticmethod
    def _user(token: str) -> int:
        user = links.user_of(token)
        if user is None:
            raise Http404
        return user
