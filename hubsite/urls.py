"""Every URL of the hub: pages, the API below `/api/v2/`, the admin, health and metrics."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from django_q.models import Failure, OrmQ, Schedule, Success

from .api.information import InformationViewSet
from .console import admin_pages, changes, filter_actions, home, language, manual, overview
from .health import metrics, probes
from .translations.model_names import translate_columns

admin.site.site_header = "xcube-hub"
admin.site.site_title = "xcube-hub"
admin.site.site_url = f"{settings.PUBLIC_PATH}/"
admin.site.index_title = _("Operate the hub")
translate_columns(admin.site)
admin.site.enable_nav_sidebar = False  # tables need the width
for model in (Failure, OrmQ, Schedule, Success):
    admin.site.unregister(model)  # health/queue_page.py says in words how the queue is

urlpatterns = [
    path("", home.home, name="home"),
    path("overview/", overview.overview, name="overview"),
    path("docs/", manual.docs, name="docs"),
    path("docs/<slug:name>/", manual.docs_page, name="docs-page"),
    path("changes", changes.changes, name="changes"),
    path("filters/<str:list_name>", filter_actions.act, name="saved-filters"),
    path("language", language.choose, name="language"),
    path(
        settings.API_PATH.rstrip("/"),
        InformationViewSet.as_view({"get": "retrieve"}, schema=None),
    ),
    path(settings.API_PATH, include("hubsite.api.urls")),
    path(settings.API_PATH, include("accounts.api.urls")),
    path(settings.API_PATH, include("jobs.api.urls")),
    path(settings.API_PATH, include("services.api.urls")),
    path("", include("accounts.urls")),
    path("", include("services.urls")),
    path("", include("jobs.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", include(admin_pages.paths())),
    path("admin/", admin.site.urls),
    path("health/live", probes.live),
    path("health/ready", probes.ready, name="health-ready"),
    path("health/all", probes.whole),
    path("metrics", metrics.metrics),
    path("favicon.ico", RedirectView.as_view(url=static("favicon.svg"))),
]

handler400 = "hubsite.api.handlers.bad_request"
handler404 = "hubsite.api.handlers.not_found"
handler500 = "hubsite.api.handlers.server_error"
