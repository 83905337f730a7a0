"""The addresses of all pages, and of the few things around them."""

from django.urls import path

from topline.web import around, keyless
from topline.web.page import pages

urlpatterns = [
    path("", around.front_door, name="front_door"),
    path("favicon.ico", around.favicon, name="favicon"),
    path("shops/new", around.new_shop, name="new_shop"),
    path("start/<str:token>/", around.start, name="start"),
    path("calendar/<str:token>.ics", around.calendar_feed, name="calendar_feed"),
    path("language", around.choose_language, name="language"),
    path("shop/<slug:shop_slug>/palette.json", around.palette, name="palette"),
    path("shop/<slug:shop_slug>/clock", around.set_clock, name="clock"),
    path("screen/<str:token>/", keyless.screen, name="screen"),
    path("shared/<str:token>/", keyless.shared_plan, name="shared_plan"),
    path("unsubscribe/<str:token>/", keyless.unsubscribe, name="unsubscribe"),
    *(page.url_pattern() for page in pages().values()),
]
