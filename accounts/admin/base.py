"""What the hub's operators may do in the admin: base classes of its pages."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from ..scopes import OPERATE_HUB


def operates(request: HttpRequest) -> bool:
    return request.user.has_perm(f"accounts.{OPERATE_HUB}")  # the login page asks for nobody too


class OperatorAdmin(admin.ModelAdmin):
    """Operators may look at everything here, without a permission per model."""

    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return operates(request) or super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return operates(request) or super().has_view_permission(request, obj)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """For actions."""
        return operates(request)


class ReadOnlyAdmin(OperatorAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
