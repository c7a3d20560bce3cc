"""Pages of signing in and out, and of one's own account."""

from django.urls import path
from django.views.generic import RedirectView

from .pages import account
from .sign_on import pages, provider_pages

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
    path("oidc/callback/", provider_pages.CallbackView.as_view(), name="oidc-callback"),
    path("oidc/<slug:key>/", provider_pages.sign_in_with, name="oidc-sign-in"),
    # The admin's own pages for it know no provider.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/logout/", pages.sign_out),
]
