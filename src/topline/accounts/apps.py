"""The app, which listens to what sign-in tells of accounts."""

from django.apps import AppConfig


class Accounts(AppConfig):
    name = "topline.accounts"

    def ready(self) -> None:
        from topline.accounts import heard

        heard.listen()
