"""URLs of cube generation, below `/api/v2/`."""

from django.urls import path

from . import run_views, usage_views, views

urlpatterns = [
    path("users/me/usage", usage_views.MyUsageView.as_view()),
    path("cubegens", views.CubegensView.as_view()),
    path("cubegens/version", views.VersionView.as_view()),
    path("cubegens/info", views.InfoView.as_view()),
    path("cubegens/code", views.CubegensCodeView.as_view()),
    path("cubegens/<slug:job_id>", views.CubegenView.as_view()),
    path("cubegens/<slug:job_id>/logs", views.LogsView.as_view()),
    path("cubegens/<slug:job_id>/code", run_views.RunCodeView.as_view()),
    path("cubegens/<slug:job_id>/callbacks", run_views.CallbacksView.as_view()),
]
