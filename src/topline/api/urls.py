"""The API's address: every module of this folder that has a `router` is part of it."""

from importlib import import_module
from pkgutil import iter_modules

from django.urls import path
from ninja.openapi.docs import Swagger

from topline import api as package
from topline.api import problem, sent
from topline.api.described import Api
from topline.api.parser import Parser

api = Api(
    title="Topline",
    version="1",
    description="Metrics, calendar, imports, plans and shops. Sign in with “Authorization: Bearer TOKEN”; errors are "
    "problem documents (RFC 9457); a write with an Idempotency-Key happens once.",
    urls_namespace="api-1",
    docs=Swagger({"persistAuthorization": False}),
    servers=[],
    parser=Parser(),
)
problem.register(api)
api.add_decorator(sent.checked, mode="view")

for _module in iter_modules(package.__path__):
    if _module.name != "urls" and (_router := getattr(import_module(f"topline.api.{_module.name}"), "router", None)):
        api.add_router("", _router, tags=[_module.name])

urlpatterns = [path("v1/", api.urls)]
