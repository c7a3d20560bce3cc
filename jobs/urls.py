"""Pages of cube generation."""

from django.urls import path

from .pages import cubes, stores
from .pages.new_cube import datasets
from .pages.new_cube.page import NewCubePage, NewCubePrice

urlpatterns = [
    path("stores/", stores.StoresPage.as_view(), name="stores"),
    path("stores/<str:store>/", stores.StorePage.as_view(), name="store"),
    path("stores/<str:store>/data", stores.StoreDataPage.as_view(), name="store-data"),
    path("cubes/", cubes.CubesPage.as_view(), name="cubes"),
    path("cubes/new/", NewCubePage.as_view(), name="new-cube"),
    path("cubes/new/datasets", datasets.suggested, name="new-cube-datasets"),
    path("cubes/new/dataset", datasets.described, name="new-cube-dataset"),
    path("cubes/new/price", NewCubePrice.as_view(), name="new-cube-price"),
    path("cubes/<slug:job_id>/", cubes.CubePage.as_view(), name="cube"),
    path("cubes/<slug:job_id>/log", cubes.log_file, name="cube-log"),
    path("cubes/<slug:job_id>/quicklooks/<slug:name>.png", cubes.picture, name="cube-picture"),
    path("cubes/<slug:job_id>/<slug:action>", cubes.CubeActions.as_view(), name="cube-action"),
]
