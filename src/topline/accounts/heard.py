"""What django-allauth tells of an account's password, address and second factor, noted in the audit log."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as factor
from allauth.mfa.models import Authenticator

from topline.accounts.models import User
from topline.workbench import audit


def listen() -> None:
    """Hear of it from now on."""
    for signal in (account.password_changed, account.password_set, account.password_reset):
        signal.connect(_password)
    account.email_changed.connect(_email)
    factor.authenticator_added.connect(_added)
    factor.authenticator_removed.connect(_removed)
    factor.authenticator_reset.connect(_added)


def _password(user: User, **_: Any) -> None:
    audit.log("user.change_password", actor_id=user.pk, subject=str(user.pk))


def _email(user: User, **_: Any) -> None:
    audit.log("user.change_email", actor_id=user.pk, subject=str(user.pk))


def _added(user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        audit.log("user.renew_codes", actor_id=user.pk, subject=str(user.pk))
    else:
        audit.log("user.add_factor", actor_id=user.pk, subject=str(user.pk), factor=str(authenticator.type))


def _removed(user: User, authenticator: Authenticator, **_: Any) -> None:
    audit.log("user.remove_factor", actor_id=user.pk, subject=str(user.pk), factor=str(authenticator.type))
