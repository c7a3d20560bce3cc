"""Paths below `/api/v2/`."""

from django.urls import path

from . import me_views, personal_token_views, subscription_views
from .views import TokenView

urlpatterns = [
    path("oauth/token", TokenView.as_view(), name="oauth-token"),
    path("users/me", me_views.MeView.as_view(), name="users-me"),
    path("users/me/units", me_views.MyUnitsView.as_view()),
    path("users/me/units/history", me_views.MyMovementsView.as_view()),
    path("users/me/subscriptions", me_views.MySubscriptionsView.as_view()),
    path("users/me/clients", me_views.MyClientsView.as_view()),
    path("users/me/clients/<str:client_id>", me_views.MyClientView.as_view()),
    path("users/me/tokens", personal_token_views.PersonalTokensView.as_view()),
    path("users/me/tokens/<slug:token_id>", personal_token_views.PersonalTokenView.as_view()),
    path("services/<str:service_id>/subscriptions", subscription_views.SubscriptionsView.as_view()),
    path(
        "services/<str:service_id>/subscriptions/<slug:subscription_id>",
        subscription_views.SubscriptionView.as_view(),
    ),
]
