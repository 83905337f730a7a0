"""The addresses of all pages, and of the few things around them."""

from django.urls import path

from topline.web import around
from topline.web.page import pages

urlpatterns = [
    path("", around.front_door, name="front_door"),
    path("start/<str:token>/", around.start, name="start"),
    path("language", around.choose_language, name="language"),
    path("shop/<slug:shop_slug>/palette.json", around.palette, name="palette"),
    path("shop/<slug:shop_slug>/clock", around.set_clock, name="clock"),
    *(page.url_pattern() for page in pages().values()),
]
