"""Pages of signing in and out, and of one's own account."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from .api.device_views import metadata
from .pages import account, device, login_program, notices, own_data, sharing, units, webhooks
from .sign_on import pages, password, provider_pages

urlpatterns = [
    path("login/", pages.LoginPage.as_view(), name="login"),
    path("logout/", pages.sign_out, name="logout"),
    path("signed-out/", pages.signed_out, name="signed-out"),
    path("account/", account.AccountPage.as_view(), name="account"),
    path(
        "account/tokens/<slug:token_id>/revoke",
        account.revoke,
        name="account-token-revoke",
    ),
    path(
        "account/clients/<int:client_pk>/revoke",
        account.revoke_client,
        name="account-client-revoke",
    ),
    path("account/data/", own_data.OwnDataPage.as_view(), name="own-data"),
    path("account/data/download", own_data.download, name="own-data-download"),
    path("account/units/", units.units_page, name="units"),
    path("account/units/use/", units.use_page, name="units-use"),
    path("account/units/all.csv", units.statement_csv_file, name="units-csv"),
    path("account/units/<str:month>/", units.statement_page, name="statement"),
    path("account/units/<str:month>.csv", units.statement_csv_file, name="statement-csv"),
    path("device", device.DevicePage.as_view(), name="device"),
    path("device/", RedirectView.as_view(pattern_name="device", query_string=True)),
    path(".well-known/oauth-authorization-server", metadata, name="oauth-metadata"),
    path("programs/<str:name>", login_program.download, name="login-program"),
    path("shared/", sharing.SharedPage.as_view(), name="shared-list"),
    path("shared/by-me/<int:share_id>/", sharing.OpeningsPage.as_view(), name="share-openings"),
    path("shared/by-me/<int:share_id>/withdraw", sharing.withdraw, name="share-withdraw"),
    path("shared/by-me/<slug:kind>/<slug:subject>", sharing.GivePage.as_view(), name="share-give"),
    path("shared/with-me/<int:share_id>/leave", sharing.leave, name="share-leave"),
    path("shared/<slug:share_key>/", sharing.OpenedPage.as_view(), name="shared"),
    path("shared/<slug:share_key>/<path:part>", sharing.OpenedPage.as_view(), name="shared-part"),
    path("account/notices/", notices.ChoicesPage.as_view(), name="notice-choices"),
    path("account/webhooks/", webhooks.WebhooksPage.as_view(), name="webhooks"),
    path("account/webhooks/<slug:webhook_id>/", webhooks.WebhookPage.as_view(), name="webhook"),
    path(
        "account/webhooks/<slug:webhook_id>/<slug:action>",
        webhooks.WebhookActions.as_view(),
        name="webhook-action",
    ),
    path("notices/", notices.NoticesPage.as_view(), name="notices"),
    path(
        "notices/unsubscribe/<str:token>",
        notices.UnsubscribePage.as_view(),
        name="notices-unsubscribe",
    ),
    path("oidc/callback/", provider_pages.CallbackView.as_view(), name="oidc-callback"),
    path("oidc/<slug:key>/", provider_pages.sign_in_with, name="oidc-sign-in"),
    # The admin's own pages for it know no provider and no audit.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/logout/", pages.sign_out),
    path("admin/password_change/", admin.site.admin_view(password.change_password)),
]
