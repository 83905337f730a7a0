"""All addresses."""

from importlib.util import find_spec

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from topline import __version__


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers and the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok", "version": __version__})


urlpatterns = [path("healthz", healthz, name="healthz"), path("account/", include("allauth.urls"))]
for prefix, urls in (("api/", "topline.api.urls"), ("", "topline.web.urls")):
    if find_spec(urls):
        urlpatterns.append(path(prefix, include(urls)))
