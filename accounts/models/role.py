"""Roles: Django's groups, under the name that people use here."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _


class Role(Group):
    class Meta:
        proxy = True
        verbose_name = _("role")
        verbose_name_plural = _("roles")
