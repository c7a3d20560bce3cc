"""Paths below `/api/v2/`. The contract puts PUT on the collection of subscriptions."""

from django.urls import path

from .device_views import DeviceViewSet, RevocationViewSet
from .me_views import MeViewSet, MyClientViewSet
from .notice_views import NoticeViewSet, PreferencesViewSet
from .operators import access, grants, hub, identities
from .operators.users import OperatorUserViewSet
from .personal_token_views import PersonalTokenViewSet
from .share_views import GivenShareViewSet, HeldShareViewSet
from .subscription_views import SubscriptionViewSet
from .token_views import TokenViewSet
from .webhook_views import WebhookViewSet

urlpatterns = [
    path("oauth/token", TokenViewSet.as_view({"post": "create"}), name="oauth-token"),
    path(
        "oauth/device_authorization",
        DeviceViewSet.as_view({"post": "create"}),
        name="oauth-device",
    ),
    path("oauth/revoke", RevocationViewSet.as_view({"post": "create"}), name="oauth-revoke"),
    path("users/me", MeViewSet.as_view({"get": "retrieve", "patch": "update"}), name="users-me"),
    path("users/me/units", MeViewSet.as_view({"get": "units"})),
    path("users/me/units/months", MeViewSet.as_view({"get": "months"})),
    path("users/me/units/history", MeViewSet.as_view({"get": "movements"})),
    path("users/me/subscriptions", MeViewSet.as_view({"get": "subscriptions"})),
    path("users/me/clients", MyClientViewSet.as_view({"get": "list"})),
    path("users/me/clients/<str:client_id>", MyClientViewSet.as_view({"delete": "revoke"})),
    path("users/me/tokens", PersonalTokenViewSet.as_view({"get": "list", "post": "create"})),
    path("users/me/tokens/<slug:token_id>", PersonalTokenViewSet.as_view({"delete": "revoke"})),
    path("notices", NoticeViewSet.as_view({"get": "list"})),
    path("notices/read", NoticeViewSet.as_view({"put": "read"})),
    path(
        "notices/preferences",
        PreferencesViewSet.as_view({"get": "retrieve", "put": "update"}),
    ),
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "webhooks/<slug:webhook_id>",
        WebhookViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
    path("webhooks/<slug:webhook_id>/test", WebhookViewSet.as_view({"post": "test"})),
    path("webhooks/<slug:webhook_id>/secret", WebhookViewSet.as_view({"post": "rotate"})),
    path("webhooks/<slug:webhook_id>/deliveries", WebhookViewSet.as_view({"get": "deliveries"})),
    path(
        "services/<str:service_id>/subscriptions",
        SubscriptionViewSet.as_view({"put": "subscribe"}),
    ),
    path(
        "services/<str:service_id>/subscriptions/<slug:subscription_id>",
        SubscriptionViewSet.as_view({"get": "retrieve", "delete": "unsubscribe"}),
    ),
    path("shares", GivenShareViewSet.as_view({"get": "list"})),
    path("shares/roles", GivenShareViewSet.as_view({"get": "roles"})),
    path("shares/<int:share_id>", GivenShareViewSet.as_view({"delete": "withdraw"})),
    path("shares/<int:share_id>/openings", GivenShareViewSet.as_view({"get": "openings"})),
    path("operator/users", OperatorUserViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "operator/users/<slug:user_id>",
        OperatorUserViewSet.as_view({"get": "retrieve", "patch": "update"}),
    ),
    path("operator/users/<slug:user_id>/units", OperatorUserViewSet.as_view({"post": "units"})),
    path(
        "operator/users/<slug:user_id>/deletion",
        OperatorUserViewSet.as_view({"get": "deletion", "post": "delete_person"}),
    ),
    path("operator/audit", hub.OperatorAuditViewSet.as_view({"get": "list"})),
    path("operator/switches", hub.OperatorSwitchViewSet.as_view({"get": "list"})),
    path(
        "operator/switches/<slug:service>/suspend",
        hub.OperatorSwitchViewSet.as_view({"post": "suspend"}),
    ),
    path(
        "operator/switches/<slug:service>/resume",
        hub.OperatorSwitchViewSet.as_view({"post": "resume"}),
    ),
    path("operator/tokens", access.OperatorTokenViewSet.as_view({"get": "list"})),
    path(
        "operator/tokens/<slug:token_id>/revoke",
        access.OperatorTokenViewSet.as_view({"post": "revoke"}),
    ),
    path("operator/clients", access.OperatorClientViewSet.as_view({"get": "list"})),
    path(
        "operator/clients/<str:client_id>/revoke",
        access.OperatorClientViewSet.as_view({"post": "revoke"}),
    ),
    path("operator/shares", access.OperatorShareViewSet.as_view({"get": "list"})),
    path(
        "operator/shares/<int:share_id>/withdraw",
        access.OperatorShareViewSet.as_view({"post": "withdraw"}),
    ),
    path("operator/webhooks", access.OperatorWebhookViewSet.as_view({"get": "list"})),
    path(
        "operator/webhooks/<slug:webhook_id>/off",
        access.OperatorWebhookViewSet.as_view({"post": "switch_off"}),
    ),
    path("operator/leaked", access.OperatorLeakViewSet.as_view({"post": "create"})),
    path(
        "operator/monthly-grants",
        grants.OperatorMonthlyGrantViewSet.as_view({"get": "list", "post": "create"}),
    ),
    path(
        "operator/monthly-grants/<int:grant_id>",
        grants.OperatorMonthlyGrantViewSet.as_view({"delete": "destroy"}),
    ),
    path("operator/identities", identities.OperatorIdentityViewSet.as_view({"get": "list"})),
    path(
        "operator/identities/<int:identity_id>/link",
        identities.OperatorIdentityViewSet.as_view({"post": "link"}),
    ),
    path(
        "operator/identities/<int:identity_id>/refuse-tokens",
        identities.OperatorIdentityViewSet.as_view({"post": "refuse_tokens"}),
    ),
    path("shared-with-me", HeldShareViewSet.as_view({"get": "list"})),
    path("shared-with-me/<int:share_id>", HeldShareViewSet.as_view({"delete": "leave"})),
]
