"""The page "Delete the person": what will happen, a typed confirmation, and how far it is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ... import deletion_queue
from ...deletion import HasPowers, foresee
from ...models import PersonDeletion, User


class ConfirmationForm(forms.Form):
    typed = forms.CharField(
        label=_("Type the e-mail or the user id of this person"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user

    def clean_typed(self) -> str:
        typed = self.cleaned_data["typed"].strip()
        if typed.lower() not in (self.user.email.lower(), self.user.user_id):
            raise forms.ValidationError(_("This is not the e-mail or user id of this person."))
        return typed


class DeletionPages:
    """Adds the page to the ModelAdmin of users."""

    def deletion_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.delete_person)
        return [path("<id>/person/", view, name="accounts_user_person")]

    def delete_person(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
        """`id` is named as in Django's own URLs of users."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user = self.get_object(request, id)
        if user is None:
            raise Http404
        may = self.has_change_permission(request, user)
        if request.method == "POST" and not may:
            raise PermissionDenied
        deletion = PersonDeletion.objects.filter(user=user).select_related("asked_by").first()
        form = ConfirmationForm(user, request.POST if request.method == "POST" else None)
        if request.method == "POST" and "elsewhere_done" in request.POST and deletion:
            PersonDeletion.objects.filter(pk=deletion.pk).update(elsewhere=[])
            self.log_change(request, user, "what was to do elsewhere is done")
            return redirect("admin:accounts_user_person", user.pk)
        if request.method == "POST" and form.is_valid() and self._ask(request, user):
            return redirect("admin:accounts_user_person", user.pk)
        shown = {
            **self.admin_site.each_context(request),
            "title": gettext("Delete the person"),
            "opts": self.opts,
            "person": user,
            "deletion": deletion,
            "foreseen": [] if user.forgotten_at else [it for it in foresee(user) if it.count],
            "is_privileged": user.is_superuser or user.is_staff or user.reads_hub,
            "form": form,
            "may": may,
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/accounts/user/person.html", shown, status=status)

    def _ask(self, request: HttpRequest, user: User) -> bool:
        try:
            deletion_queue.ask_for(user, by=request.user)
        except HasPowers:
            messages.error(
                request,
                gettext("This person operates the hub: take roles and staff status away first."),
            )
            return False
        self.log_change(request, user, "deletion of the person asked for")
        messages.success(
            request, gettext("The account is switched off; the worker deletes the person.")
        )
        return True
