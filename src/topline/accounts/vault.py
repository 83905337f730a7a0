"""Secrets that are kept encrypted in the database, by a key that lies outside of it."""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from topline.units.errors import ToplineError
from topline.units.text import N_


class VaultError(ToplineError):
    message = N_(
        "A stored secret can't be read: the key in TOPLINE_HOME/keys is another one. "
        "Bring the folder keys back from a backup."
    )


@cache
def _fernet(key: str) -> Fernet:
    return Fernet(key)


def seal(secret: str) -> str:
    """The secret, encrypted and signed."""
    return _fernet(settings.VAULT_KEY).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret of a sealed text. Raises VaultError."""
    try:
        return _fernet(settings.VAULT_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise VaultError() from None
