"""Paths below `/api/v2/`."""

from django.urls import path

from .views import MeView, TokenView

urlpatterns = [
    path("oauth/token", TokenView.as_view(), name="oauth-token"),
    path("users/me", MeView.as_view(), name="users-me"),
]
