"""Addresses that sign a person in once."""

from django.conf import settings


def address(token: str) -> str:
    """The full address of a one-time sign-in link."""
    return f"{settings.URL}/start/{token}/"
