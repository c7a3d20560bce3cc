"""The form that switches a user off, on the user's page."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class SwitchOffForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), max_length=300, help_text=_("For your colleagues; the user is not told.")
    )
    end_work = forms.BooleanField(
        label=_("Also cancel running jobs and stop services at once"), required=False
    )
