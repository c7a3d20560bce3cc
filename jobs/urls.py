"""Pages of cube generation."""

from django.urls import path

from .pages import cubes
from .pages.new_cube.page import NewCubePage, NewCubePrice

urlpatterns = [
    path("cubes/", cubes.CubesPage.as_view(), name="cubes"),
    path("cubes/new/", NewCubePage.as_view(), name="new-cube"),
    path("cubes/new/price", NewCubePrice.as_view(), name="new-cube-price"),
    path("cubes/<slug:job_id>/", cubes.CubePage.as_view(), name="cube"),
    path("cubes/<slug:job_id>/log", cubes.log_file, name="cube-log"),
    path("cubes/<slug:job_id>/<slug:action>", cubes.CubeActions.as_view(), name="cube-action"),
]
